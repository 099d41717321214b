/** Follows each guide of docs/guides as its reader would, command by command. */
import { temporaryFolder } from "../cli/helpers.ts";
import { readGuide } from "./_guide.ts";
import { Reader } from "./_reader.ts";

const FOLDER = new URL("../../docs/guides/", import.meta.url);
/** Ports that the guides name; here free ones take their place. */
const PORTS = ["7447", "7448", "8787", "9464"];

function freePorts(): ReadonlyMap<string, string> {
  return new Map(PORTS.map((port) => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    return [port, String(listener.addr.port)];
  }));
}

for (const name of ["operator.md", "mcp_client.md", "library.md", "debugging.md"]) {
  Deno.test(`the guide ${name} goes as it says`, async (t) => {
    const ports = freePorts();
    await using folder = await temporaryFolder();
    await using reader = new Reader(folder.path, { CVM_RELAY_PORT: ports.get("7447") ?? "" });
    const text = await Deno.readTextFile(new URL(name, FOLDER));
    const guide = text.replaceAll(
      new RegExp(PORTS.join("|"), "g"),
      (port) => ports.get(port) ?? port,
    );
    for (const step of readGuide(guide)) {
      const title = `${step.kind} ${step.file ?? step.text.split("\n")[0]}`;
      const done = await t.step(title.slice(0, 100), () => reader.follow(step));
      if (!done) return;
    }
  });
}
