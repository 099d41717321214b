/**
 * Who may talk to the HTTP endpoint: programs on this machine, and pages that
 * come from it. A page of another origin is refused, also when it reaches us
 * under a name of its own (DNS rebinding).
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { errorBody } from "./_error_body.ts";

const LOCAL_HOST = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i;
const LOCAL_ORIGIN = /^https?:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i;

/** What browsers are told when a page of this machine asks. */
const PREFLIGHT = {
  "access-control-allow-methods": "GET, POST, DELETE",
  "access-control-allow-headers":
    "authorization, content-type, last-event-id, mcp-protocol-version, mcp-session-id",
  "access-control-max-age": "600",
};

/** Checks each request before anything else. */
export class Guard {
  readonly #token: Uint8Array | undefined;

  /** @param options `bearer`: the token that each request must carry. */
  constructor({ bearer }: { readonly bearer?: string } = {}) {
    this.#token = bearer === undefined ? undefined : digest(bearer);
  }

  /** The answer to a request that goes no further; `undefined` for one that may pass. */
  refuse(request: Request): Response | undefined {
    const { headers } = request;
    if (!LOCAL_HOST.test(headers.get("host") ?? "")) {
      return Response.json(errorBody("Forbidden: the host is not this machine"), { status: 403 });
    }
    if (!LOCAL_ORIGIN.test(headers.get("origin") ?? "http://localhost")) {
      return Response.json(errorBody("Forbidden: the origin is not this machine"), { status: 403 });
    }
    // A browser asks beforehand, and without the token.
    if (request.method === "OPTIONS") {
      return new Response(null, { status: 204, headers: PREFLIGHT });
    }
    if (this.#token !== undefined && !this.#carriesToken(headers, this.#token)) {
      return Response.json(errorBody("Unauthorized: the bearer token is missing or wrong"), {
        status: 401,
        headers: { "www-authenticate": "Bearer" },
      });
    }
    return undefined;
  }

  /** Lets a page of this machine read the answer. */
  share(request: Request, response: Response): Response {
    const origin = request.headers.get("origin");
    if (origin === null || !LOCAL_ORIGIN.test(origin)) return response;
    response.headers.set("access-control-allow-origin", origin);
    response.headers.set("access-control-expose-headers", "mcp-session-id, www-authenticate");
    response.headers.append("vary", "origin");
    return response;
  }

  #carriesToken(headers: Headers, token: Uint8Array): boolean {
    const [, sent] = /^Bearer +(\S+) *$/i.exec(headers.get("authorization") ?? "") ?? [];
    // Digests have one length, and compare in the same time wherever they differ.
    return sent !== undefined && timingSafeEqual(digest(sent), token);
  }
}

function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
