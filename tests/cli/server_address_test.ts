import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { Config } from "../../cli/config.ts";
import { resolveServer } from "../../cli/server_address.ts";
import { formatNprofile, formatNpub, PrivateKeySigner } from "../../crypto/mod.ts";
import { InputError } from "../../errors.ts";

const KEY = PrivateKeySigner.generate().pubkey;
const HINT = "wss://relay.test";

/** A web server that gives one answer, and remembers what it was asked. */
function web(answer: (url: string, init?: RequestInit) => Response | Promise<Response>) {
  const asked: { readonly url: string; readonly init?: RequestInit }[] = [];
  const fetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    asked.push({ url: String(input), ...(init === undefined ? {} : { init }) });
    return await answer(String(input), init);
  };
  return { asked, fetch };
}

const config = (aliases: Record<string, string> = {}): Config => ({
  file: "/config.json",
  aliases: new Map(Object.entries(aliases)),
  relays: undefined,
  relaysFrom: "",
  files: [],
});

Deno.test("F34: resolveServer() finds the same server by each of its names", async () => {
  const { fetch, asked } = web(() =>
    Response.json({ names: { bob: KEY }, relays: { [KEY]: [HINT, "http://no.test", 7] } })
  );
  const nprofile = formatNprofile(KEY, [HINT]);
  const options = { config: config({ friend: nprofile, far: "bob@example.com" }), fetch };
  const cases: readonly (readonly [string, readonly string[]])[] = [
    [KEY, []],
    [formatNpub(KEY), []],
    [nprofile, [HINT]],
    ["friend", [HINT]],
    ["Bob@Example.com", [HINT]],
    ["far", [HINT]],
  ];
  for (const [name, hints] of cases) {
    const { publicKey, hints: found } = await resolveServer(name, options);
    assertEquals([publicKey, found], [KEY, hints], name);
  }
  assertEquals(asked.map(({ url }) => url), [
    "https://example.com/.well-known/nostr.json?name=bob",
    "https://example.com/.well-known/nostr.json?name=bob",
  ]);
  // NIP-05: a redirect must not be followed.
  assert(asked.every(({ init }) => init?.redirect === "error"));
});

Deno.test("F34: resolveServer() refuses what is no NIP-05 name without asking anybody", async () => {
  const { fetch, asked } = web(() => Response.json({}));
  const names = [
    "@",
    "bob@",
    "@example.com",
    "bob@localhost",
    "bob@127.0.0.1",
    "bob@example.com/x",
  ];
  for (const name of [...names, "bob@example.com:8443", "b b@example.com", "a@b@example.com"]) {
    const error = await assertRejects(
      () => resolveServer(name, { config: config(), fetch }),
      InputError,
    );
    assertEquals(error.code, "SERVER_INVALID", name);
  }
  assertEquals(asked, []);
});

Deno.test("F34: resolveServer() names the domain whose answer can't be used", async () => {
  const cases: readonly (readonly [() => Response, string, string])[] = [
    [() => new Response("gone", { status: 404 }), "NOT_FOUND", "HTTP status 404"],
    [() => new Response("<html>"), "NOT_FOUND", "can't be read"],
    [() => Response.json({ names: { alice: KEY } }), "NOT_FOUND", 'knows no "bob"'],
    [() => Response.json({ names: { bob: "npub1" } }), "SERVER_INVALID", "no public key"],
    [() => Response.json([]), "NOT_FOUND", 'knows no "bob"'],
    [() => new Response("x".repeat(300_000)), "NOT_FOUND", "more than 262144 bytes"],
  ];
  for (const [answer, code, message] of cases) {
    const error = await assertRejects(
      () => resolveServer("bob@example.com", { config: config(), fetch: web(answer).fetch }),
      InputError,
    );
    assertEquals(error.code, code);
    assertStringIncludes(error.message, message);
    assertStringIncludes(error.message, "example.com");
  }
});

Deno.test("F34: resolveServer() waits for a domain no longer than it may, and ends with its signal", async () => {
  const { fetch } = web((_url, init) =>
    new Promise((_resolve, reject) => {
      init?.signal?.addEventListener("abort", () => reject(init.signal?.reason));
    })
  );
  const options = { config: config(), fetch };
  const late = await assertRejects(
    () => resolveServer("bob@example.com", { ...options, timeoutMs: 10 }),
    InputError,
  );
  assertStringIncludes(late.message, "no answer within 10 ms");
  const stop = new AbortController();
  const waiting = assertRejects(
    () => resolveServer("bob@example.com", { ...options, signal: stop.signal }),
    Error,
    "enough",
  );
  stop.abort(new Error("enough"));
  await waiting;
});
