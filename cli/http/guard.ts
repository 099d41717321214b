/**
 * Who may talk to the HTTP endpoint: programs on this machine, and pages that
 * come from it or from an origin that was named. A page of another origin is
 * refused, also when it reaches us under a name of its own (DNS rebinding).
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { errorBody } from "./_error_body.ts";

const LOCAL_HOST = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i;
const LOCAL_ORIGIN = /^https?:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i;

/** Headers that pages send at least. */
const USUAL_HEADERS =
  "authorization, content-type, last-event-id, mcp-protocol-version, mcp-session-id";
/** A list of names of headers, of a size that is nobody's trick. */
const HEADER_NAMES = /^[\w!#$%&'*+.^`|~, -]{1,2000}$/;

/** How a {@linkcode Guard} decides. */
export interface GuardOptions {
  /** The token that each request must carry. */
  readonly bearer?: string;
  /** Origins of pages that may ask beside those of this machine, such as `https://chat.example`. */
  readonly origins?: readonly string[];
}

/** Checks each request before anything else. */
export class Guard {
  readonly #token: Uint8Array | undefined;
  readonly #origins: readonly string[];

  /** @param options Who may ask beside the programs and pages of this machine. */
  constructor({ bearer, origins = [] }: GuardOptions = {}) {
    this.#token = bearer === undefined ? undefined : digest(bearer);
    this.#origins = origins;
  }

  /** The answer to a request that goes no further; `undefined` for one that may pass. */
  refuse(request: Request): Response | undefined {
    const { headers } = request;
    if (!LOCAL_HOST.test(headers.get("host") ?? "")) {
      return Response.json(errorBody("Forbidden: the host is not this machine"), { status: 403 });
    }
    if (!this.#knows(headers.get("origin") ?? "http://localhost")) {
      return Response.json(errorBody("Forbidden: the origin is not this machine"), { status: 403 });
    }
    // A browser asks beforehand, and without the token.
    if (request.method === "OPTIONS") {
      return new Response(null, { status: 204, headers: preflight(headers) });
    }
    if (this.#token !== undefined && !this.#carriesToken(headers, this.#token)) {
      return Response.json(errorBody("Unauthorized: the bearer token is missing or wrong"), {
        status: 401,
        headers: { "www-authenticate": "Bearer" },
      });
    }
    return undefined;
  }

  /** Lets a page that may ask read the answer. */
  share(request: Request, response: Response): Response {
    const origin = request.headers.get("origin");
    if (origin === null || !this.#knows(origin)) return response;
    response.headers.set("access-control-allow-origin", origin);
    response.headers.set("access-control-expose-headers", "mcp-session-id, www-authenticate");
    response.headers.append("vary", "origin");
    return response;
  }

  #knows(origin: string): boolean {
    return LOCAL_ORIGIN.test(origin) || this.#origins.includes(origin);
  }

  #carriesToken(headers: Headers, token: Uint8Array): boolean {
    const [, sent] = /^Bearer +(\S+) *$/i.exec(headers.get("authorization") ?? "") ?? [];
    // Digests have one length, and compare in the same time wherever they differ.
    return sent !== undefined && timingSafeEqual(digest(sent), token);
  }
}

/** What browsers are told when a page may ask: any header that it wants to send, MCP has more of them with each version. */
function preflight(asked: Headers): Record<string, string> {
  const names = asked.get("access-control-request-headers") ?? "";
  return {
    "access-control-allow-methods": "GET, POST, DELETE",
    "access-control-allow-headers": HEADER_NAMES.test(names) ? names : USUAL_HEADERS,
    "access-control-max-age": "600",
    ...(asked.get("access-control-request-private-network") === "true"
      ? { "access-control-allow-private-network": "true" }
      : {}),
  };
}

function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
