import { assertEquals, assertMatch } from "@std/assert";
import { runCli } from "../../cli/app.ts";
import { serveRelay } from "../../cli/relay/mod.ts";
import { temporaryFolder, TestIo } from "../cli/helpers.ts";
import { SdkPeer } from "./_sdk_peer.ts";

Deno.test("cvm inspect, call, discover and doctor work with a server of @contextvm/sdk", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay();
  await using peer = new SdkPeer();
  const modes = { encryption: "optional", giftWrap: "optional" } as const;
  const { publicKey } = await peer.serve([relay.url], modes, { announced: true });
  const run = async (...args: string[]) => {
    const io = new TestIo({ env: { ...Deno.env.toObject(), XDG_CONFIG_HOME: folder.path } });
    io.stderr.isTerminal = true;
    const code = await runCli([...args, "--relay", relay.url], io);
    assertEquals(code, 0, `${args.join(" ")}: ${io.err}`);
    return io.out;
  };
  const overview = JSON.parse(await run("inspect", publicKey, "--format", "json"));
  assertEquals(overview.relays[0].latency.answered, 5);
  const [tool] = overview.tools.filter(({ name }: { name: string }) => name === "echo");
  assertEquals(tool.name, "echo");
  assertMatch(await run("call", publicKey, "echo", "text=007"), /007/);
  assertMatch(await run("inspect", publicKey, "doctor"), /^ok +server/m);
  assertMatch(await run("discover", "--online"), new RegExp(overview.npub));
});
