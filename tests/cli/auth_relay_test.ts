/** What is public is found on relays, too, that serve only who authenticates. */
import { assertEquals, assertMatch } from "@std/assert";
import { runCli } from "../../cli/app.ts";
import { serveRelay } from "../../cli/relay/mod.ts";
import { formatNprofile, PrivateKeySigner } from "../../crypto/mod.ts";
import { serve } from "../../transport/server.ts";
import { makeServer } from "./inspect/_bench.ts";
import { temporaryFolder, TestIo } from "./helpers.ts";

Deno.test("each command that looks up what is public does so on a relay that asks who is there", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay({ requireAuth: true });
  await using server = await serve(makeServer, {
    signer: PrivateKeySigner.generate(),
    relays: [relay.url],
    info: { name: "Shy" },
    announce: true,
  });
  const address = formatNprofile(server.publicKey, [relay.url]);
  const cases: readonly (readonly [args: readonly string[], expected: RegExp])[] = [
    [["discover"], /^npub1\S+ {2}Shy/],
    [["announce", "show", address], /"Shy"/],
    [["review", address, "write", "not that shy"], /taken by/],
    [["review", address], /not that shy/],
    [["inspect", address, "--pings", "0"], /^reviews +1,/m],
    [["inspect", address, "doctor"], /^ok +announcement +Shy/m],
    [["completion", "fish", "call", address, "ec"], /^echo/m],
  ];
  for (const [args, expected] of cases) {
    const io = new TestIo({
      env: { XDG_CONFIG_HOME: folder.path, XDG_CACHE_HOME: folder.path, CVM_RELAYS: relay.url },
    });
    assertEquals(await runCli(args, io), 0, io.err);
    assertMatch(io.out, expected, args.join(" "));
  }
});
