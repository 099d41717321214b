import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import * as nip49 from "@nostr/tools/nip49";
import { runCli } from "../../cli/app.ts";
import { Interrupt } from "../../cli/io.ts";
import { promptSecret } from "../../cli/prompt_secret.ts";
import { serveRelay } from "../../cli/relay/mod.ts";
import {
  formatNpub,
  formatNsec,
  generateKey,
  getPublicKey,
  PrivateKeySigner,
} from "../../crypto/mod.ts";
import { serve } from "../../transport/server.ts";
import { fixtureServer } from "../transport/_harness.ts";
import { Bunker } from "../transport/signer/_bunker.ts";
import { temporaryFolder, TestIo, until } from "./helpers.ts";

interface RunOptions {
  readonly env?: Record<string, string>;
  readonly stdin?: string;
  /** What the person at the terminal types. */
  readonly typed?: readonly string[];
}

/** Runs commands with one folder of keys. */
async function setUp() {
  const folder = await temporaryFolder();
  const cvm = async (args: readonly string[], options: RunOptions = {}) => {
    const io = new TestIo({
      env: { XDG_CONFIG_HOME: folder.path, ...options.env },
      stdin: options.stdin,
    });
    const answers = [...options.typed ?? []];
    const promptSecret = () => Promise.resolve(answers.shift() ?? "");
    const code = await runCli(
      args,
      Object.assign(io, { cwd: folder.path }, options.typed ? { promptSecret } : {}),
    );
    return { code, out: io.out, err: io.err };
  };
  return {
    path: folder.path,
    file: `${folder.path}/cvm/keys/client.key`,
    cvm,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

const KEY = generateKey();
const NSEC = formatNsec(KEY);
const HEX = Array.from(KEY, (byte) => byte.toString(16).padStart(2, "0")).join("");
const NPUB = formatNpub(getPublicKey(KEY));

Deno.test("cvm keys import keeps a key from a file, standard input or a prompt, readable by its owner alone", async () => {
  const cases: readonly (readonly [readonly string[], RunOptions])[] = [
    [[], { stdin: `${NSEC}\n` }],
    [["--from", "-"], { stdin: HEX.toUpperCase() }],
    [[], { typed: [NSEC] }],
    [["--from", "FILE"], {}],
  ];
  for (const [words, options] of cases) {
    await using place = await setUp();
    await Deno.writeTextFile(`${place.path}/given`, NSEC);
    const args = words.map((word) => word === "FILE" ? `${place.path}/given` : word);
    const { code, out, err } = await place.cvm(["keys", "import", ...args], options);
    assertEquals([code, out], [0, `${NPUB}\n`], err);
    assert(!err.includes("nsec1"));
    assertEquals(await Deno.readTextFile(place.file), `${NSEC}\n`);
    assertEquals((await Deno.stat(place.file)).mode! & 0o777, 0o600);
    const again = await place.cvm(["keys", "import", ...args], options);
    assertEquals(again.code, 2);
    assertStringIncludes(again.err, "never overwritten");
  }
});

Deno.test("NIP49-1: cvm keys encrypt and decrypt change the form of a key file and nothing else", async () => {
  await using place = await setUp();
  const password = { CVM_KEY_PASSWORD: "ÅΩẛ̣" };
  await place.cvm(["keys", "import"], { stdin: NSEC });
  assertEquals((await place.cvm(["keys", "encrypt"], { env: password })).out, `${NPUB}\n`);
  const text = await Deno.readTextFile(place.file);
  assertEquals(nip49.decrypt(text.trim(), "ÅΩẛ̣"), KEY);
  assertEquals((await Deno.stat(place.file)).mode! & 0o777, 0o600);
  // The password by file, by prompt and by environment; wrong ones and none.
  await Deno.writeTextFile(`${place.path}/password`, "ÅΩẛ̣\n");
  const show = (options: RunOptions, ...words: string[]) =>
    place.cvm(["keys", "show", ...words], options);
  assertStringIncludes((await show({}, "--password-file", `${place.path}/password`)).out, NPUB);
  assertStringIncludes((await show({ typed: ["ÅΩẛ̣"] })).out, NPUB);
  assertStringIncludes((await show({ env: password }, "--secret")).out, NSEC);
  for (
    const [options, message] of [
      [{}, "CVM_KEY_PASSWORD"],
      [{ typed: ["wrong"] }, "password is wrong"],
      [{ env: { CVM_KEY_PASSWORD: "wrong" } }, "password is wrong"],
      [{ typed: [""] }, "is empty"],
    ] as const
  ) {
    const { code, err } = await show(options);
    assertEquals(code, 2);
    assertStringIncludes(err, message);
  }
  const twice = await place.cvm(["keys", "encrypt"], { env: password });
  assertStringIncludes(twice.err, "encrypted already");
  assertEquals((await place.cvm(["keys", "decrypt"], { env: password })).code, 0);
  assertEquals(await Deno.readTextFile(place.file), `${NSEC}\n`);
  assertStringIncludes(
    (await place.cvm(["keys", "decrypt"], { env: password })).err,
    "not encrypted",
  );
});

Deno.test("cvm keys takes an ncryptsec of others as it is, and makes encrypted keys", async () => {
  await using place = await setUp();
  const theirs = nip49.encrypt(KEY, "pw", 4, 1);
  assertEquals((await place.cvm(["keys", "import"], { stdin: theirs })).code, 0);
  assertEquals((await Deno.readTextFile(place.file)).trim(), theirs);
  const env = { CVM_KEY_PASSWORD: "pw" };
  assertStringIncludes((await place.cvm(["keys", "show"], { env })).out, NPUB);
  const file = `${place.path}/new.key`;
  const differ = await place.cvm(["keys", "generate", "--encrypt", "--key-file", file], {
    typed: ["a", "b"],
  });
  assertEquals(differ.code, 2);
  assertStringIncludes(differ.err, "differ");
  const made = await place.cvm(["keys", "generate", "--encrypt", "--key-file", file], {
    typed: ["a", "a"],
  });
  assertEquals(made.code, 0, made.err);
  assert((await Deno.readTextFile(file)).startsWith("ncryptsec1"));
  const shown = await place.cvm(["keys", "show", "--key-file", file], { typed: ["a"] });
  assertStringIncludes(shown.out, made.out.trim());
});

Deno.test("F07: a secret on the command line is refused and not repeated", async () => {
  await using place = await setUp();
  const secret = "q".repeat(58);
  for (
    const args of [
      ["keys", "import", `nsec1${secret}`],
      ["keys", "encrypt", `--password=${secret}`],
      ["keys", "show", `nsec1${secret}`],
      ["keys", "show", `ncryptsec1${secret}`],
      ["inspect", `nsec1${secret}`],
      ["gateway", "--private-key", `nsec1${secret}`, "--", "true"],
      ["keys", "import", `bunker://${HEX}?secret=${secret}`],
    ]
  ) {
    for (const format of ["text", "json"]) {
      const { code, out, err } = await place.cvm([
        ...args.slice(0, 2),
        "--format",
        format,
        ...args.slice(2),
      ]);
      assertEquals([code, out], [2, ""]);
      assert(!err.includes(secret), err);
    }
  }
});

Deno.test("cvm keys says what is wrong with what it was given", async () => {
  await using place = await setUp();
  const cases: readonly (readonly [readonly string[], RunOptions, string])[] = [
    [["import"], { stdin: "" }, "what was given"],
    [["import"], { stdin: "nsec1nothing" }, "what was given"],
    [["import"], { stdin: NPUB }, "what was given"],
    [["import"], { stdin: "x".repeat(10_000) }, "too long"],
    [["import"], { stdin: "bunker://x?secret=hush" }, "bunker"],
    [["import", "--encrypt"], { stdin: nip49.encrypt(KEY, "x", 1) }, "--encrypt is for"],
    [["import", "--from", `${place.path}/none`], {}, "there is no key file"],
    [["encrypt"], {}, "cvm keys generate"],
    [["show"], { env: { CVM_PRIVATE_KEY: "x" } }, "CVM_PRIVATE_KEY"],
    [["show", "--key-file", place.path], {}, "not a file"],
  ];
  for (const [words, options, message] of cases) {
    const { code, out, err } = await place.cvm(["keys", ...words], options);
    assertEquals([code, out], [2, ""], words.join(" "));
    assertStringIncludes(err, message);
    assert(!/nsec1nothing|hush/.test(err), err);
  }
});

Deno.test("CVM_PRIVATE_KEY and CVM_KEY_FILE together are an error; a flag comes before both", async () => {
  await using place = await setUp();
  await Deno.writeTextFile(`${place.path}/a.key`, NSEC);
  const env = { CVM_PRIVATE_KEY: "22".repeat(32), CVM_KEY_FILE: `${place.path}/a.key` };
  const both = await place.cvm(["keys", "show"], { env });
  assertEquals(both.code, 2);
  assertStringIncludes(both.err, "CVM_PRIVATE_KEY and CVM_KEY_FILE");
  const flag = await place.cvm(["keys", "show", "--key-file", `${place.path}/a.key`], {
    env: { CVM_PRIVATE_KEY: env.CVM_PRIVATE_KEY },
  });
  assertStringIncludes(flag.out, NPUB);
  const file = await place.cvm(["keys", "show"], { env: { CVM_KEY_FILE: env.CVM_KEY_FILE } });
  assertStringIncludes(file.out, NPUB);
});

Deno.test("every command takes a key that is in a bunker, and keeps the key by which the bunker knows it", async () => {
  await using place = await setUp();
  await using relay = await serveRelay();
  await using bunker = await Bunker.open([relay.url], { secret: "once" });
  assertEquals((await place.cvm(["keys", "import"], { stdin: bunker.address })).code, 0);
  const shown = await place.cvm(["keys", "show", "--format", "json"]);
  assertEquals(shown.code, 0, shown.err);
  assertEquals(JSON.parse(shown.out).hex, bunker.user.pubkey);
  const clients = new Set<string>();
  await using server = await serve((session) => {
    clients.add(session.peer);
    return fixtureServer();
  }, { signer: PrivateKeySigner.generate(), relays: [relay.url] });
  const args = ["inspect", server.publicKey, "--relay", relay.url];
  const envs: readonly Record<string, string>[] = [{}, { CVM_PRIVATE_KEY: bunker.address }];
  for (const env of envs) {
    const call = await place.cvm([...args, "call", "echo", "message=hi"], { env });
    assertEquals([call.code, call.out], [0, "hi\n"], call.err);
  }
  assertEquals([...clients], [bunker.user.pubkey]);
  // The secret was good for one time.
  assertEquals(bunker.asked.filter((method) => method === "connect").length, 1);

  const io = Object.assign(
    new TestIo({ env: { XDG_CONFIG_HOME: place.path, PATH: Deno.env.get("PATH") ?? "" } }),
    {
      cwd: place.path,
    },
  );
  const gateway = runCli(
    ["gateway", "--key-file", place.file, "--relay", relay.url, "--", "false"],
    io,
  );
  await until(() => bunker.asked.length > 5);
  io.controller.abort(new Interrupt("SIGTERM"));
  await gateway;
});

Deno.test("a bunker that is silent, away or says no is named, with the exit code that fits", async () => {
  await using place = await setUp();
  await using relay = await serveRelay();
  await using bunker = await Bunker.open([relay.url], { judge: () => ({ error: "not you" }) });
  const npub = formatNpub(bunker.own.pubkey);
  const run = (address: string) =>
    place.cvm(["keys", "show", "--format", "json"], { env: { CVM_PRIVATE_KEY: address } });
  const refused = await run(bunker.address);
  assertEquals([refused.code, JSON.parse(refused.err).error.code], [3, "SIGNER_REFUSED"]);
  assertStringIncludes(refused.err, npub);
  const away = await run(`bunker://${bunker.own.pubkey}?relay=ws://127.0.0.1:1`);
  assertEquals([away.code, JSON.parse(away.err).error.code], [4, "RELAY_UNREACHABLE"]);
  assertStringIncludes(away.err, npub);
});

Deno.test("a bunker that is silent is given up after --timeout or CVM_BUNKER_TIMEOUT, and named with its relay", async () => {
  await using place = await setUp();
  await using relay = await serveRelay();
  await using bunker = await Bunker.open([relay.url], { judge: () => "silence" });
  const npub = formatNpub(bunker.own.pubkey);
  const base = { CVM_PRIVATE_KEY: bunker.address, CVM_RELAYS: relay.url };
  const server = "a".repeat(64);
  const cases: readonly (readonly [readonly string[], Record<string, string>])[] = [
    [["call", server, "echo", "--timeout", "0.4"], {}],
    [["inspect", server, "tools", "--timeout", "0.4"], {}],
    [["inspect", "watch", "--timeout", "0.4"], {}],
    [["announce", "delete", "--timeout", "0.4"], {}],
    [["codegen", server, "--timeout", "0.4"], {}],
    [["keys", "show"], { CVM_BUNKER_TIMEOUT: "0.4s" }],
    [["gateway", "--", "false"], { CVM_BUNKER_TIMEOUT: "0.4" }],
    [["proxy", server], { CVM_BUNKER_TIMEOUT: "0.4" }],
  ];
  for (const [args, env] of cases) {
    const asked = bunker.asked.length;
    // Without the option it would be a minute, which no test waits for.
    const started = performance.now();
    const { code, err } = await place.cvm(args, {
      env: { ...base, ...env },
    });
    assertEquals(code, 4, `${args.join(" ")}: ${err}`);
    for (const told of [npub, relay.url, "did not answer"]) assertStringIncludes(err, told);
    assert(bunker.asked.length > asked);
    assert(performance.now() - started < 30_000);
  }
  const wrong = await place.cvm(["keys", "show"], { env: { ...base, CVM_BUNKER_TIMEOUT: "soon" } });
  assertEquals(wrong.code, 2);
  assertStringIncludes(wrong.err, "CVM_BUNKER_TIMEOUT is a time");
});

Deno.test("promptSecret() reads a line without showing it, with corrections, and stops at Ctrl-C", async () => {
  const ask = async (...typed: (string | Uint8Array | null)[]) => {
    const modes: boolean[] = [];
    let shown = "";
    const parts = typed.map((part) =>
      typeof part === "string" ? new TextEncoder().encode(part) : part
    );
    const line = await promptSecret("Key: ", {
      terminal: {
        read: (into) => {
          const part = parts.shift() ?? null;
          if (part !== null) into.set(part);
          return Promise.resolve(part?.length ?? null);
        },
        setRaw: (mode) => void modes.push(mode),
      },
      shown: { isTerminal: true, write: (text) => Promise.resolve(void (shown += text)) },
    }).finally(() => assertEquals(modes, [true, false]));
    assertEquals(shown, "Key: \r\n");
    return line;
  };
  assertEquals(await ask("hush\r"), "hush");
  assertEquals(await ask("xy\x7f\x7fhux\bs", "h\n", "more"), "hush");
  assertEquals(await ask("wrong\x15hush", null), "hush");
  assertEquals(await ask(new Uint8Array([0xc3]), new Uint8Array([0xa9, 0x0d])), "é");
  await assertRejects(() => ask("hu\x03"), Interrupt);
});
