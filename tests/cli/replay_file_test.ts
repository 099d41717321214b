import { assert, assertEquals, assertRejects } from "@std/assert";
import { replayFile } from "../../cli/paths.ts";
import { ReplayFile } from "../../cli/replay_file.ts";
import { CvmError } from "../../errors.ts";
import { temporaryFolder, TestIo } from "./helpers.ts";

Deno.test("F01: ReplayFile keeps events and the floor for the next process", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/not/there/yet/replay.db`;
  {
    using file = await ReplayFile.open(path);
    assertEquals(file.load(), { floor: undefined, events: [] });
    for (const [id, createdAt] of [["a", 10], ["b", 20], ["b", 20], ["c", 30]] as const) {
      file.add(id, createdAt);
    }
    file.forget(20);
    file.forget(15);
    // A process that is killed closes nothing.
    using second = await ReplayFile.open(path);
    assertEquals(second.load(), { floor: 20, events: [["c", 30]] });
    file.close();
    file.close();
  }
  using next = await ReplayFile.open(path);
  assertEquals(next.load(), { floor: 20, events: [["c", 30]] });
});

Deno.test("ReplayFile.open() refuses what is no file of its own", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/file`;
  await Deno.writeTextFile(path, "this is a text and long enough to be told from a database\n");
  for (const other of [path, `${path}/below`, folder.path]) {
    const error = await assertRejects(() => ReplayFile.open(other), CvmError, other);
    assertEquals(error.code, "CONFIG_INVALID");
  }
  assert((await Deno.readTextFile(path)).startsWith("this is"));
});

Deno.test("replayFile() is told apart by the key, and is nowhere without a home", () => {
  const { env } = new TestIo({ env: { XDG_CONFIG_HOME: "/config" } });
  assertEquals(replayFile("ab", env), "/config/cvm/replay/ab.db");
  assertEquals(replayFile("ab", new TestIo().env), undefined);
});
