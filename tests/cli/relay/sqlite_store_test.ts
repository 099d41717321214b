import { assert, assertEquals, assertRejects } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { SqliteEventStore } from "../../../cli/relay/mod.ts";
import { CvmError } from "../../../errors.ts";
import { makeEvent, nowSeconds } from "../../relays/client.ts";

async function withFile(test: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(`${folder}/relay.db`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("SqliteEventStore survives a restart with events, versions and deletions", async () => {
  await withFile(async (path) => {
    const now = nowSeconds();
    const note = makeEvent({ created_at: now - 9, tags: [["t", "x"]] });
    const gone = makeEvent({ created_at: now - 8 });
    const [old, current] = [7, 6].map((age) => makeEvent({ kind: 11316, created_at: now - age }));
    const deletion = makeEvent({ kind: 5, created_at: now - 5, tags: [["e", gone.id]] });
    const before = await SqliteEventStore.open(path);
    for (const event of [note, gone, old, current, deletion]) before.add(event);
    before.close();
    before.close();

    const after = await SqliteEventStore.open(path);
    try {
      assertEquals(after.size, 3);
      assertEquals(after.query([{}], 10), [deletion, current, note]);
      assertEquals(after.query([{ "#t": ["x"] }], 10), [note]);
      assertEquals(after.add(gone), "deleted");
      assertEquals(after.add(old), "superseded");
      assertEquals(after.add(note), "duplicate");
    } finally {
      after.close();
    }
  });
});

Deno.test("SqliteEventStore keeps a write-ahead log, and a second reader sees what is stored", async () => {
  await withFile(async (path) => {
    const [one, two] = [await SqliteEventStore.open(path), await SqliteEventStore.open(path)];
    try {
      const event = makeEvent();
      assertEquals(one.add(event), "stored");
      assertEquals(two.query([{}], 10), [event]);
      assert((await Deno.stat(`${path}-wal`)).isFile);
    } finally {
      one.close();
      two.close();
    }
  });
});

Deno.test("SqliteEventStore.open() refuses what is no database of its own, and leaves it as it is", async () => {
  await withFile(async (path) => {
    await Deno.writeTextFile(
      path,
      "this is not a database, and longer than its header would be".repeat(20),
    );
    const error = await assertRejects(() => SqliteEventStore.open(path), CvmError, path);
    assertEquals(error.code, "CONFIG_INVALID");
    await Deno.remove(path);

    const foreign = new DatabaseSync(path);
    foreign.exec("CREATE TABLE mine (x)");
    foreign.close();
    await assertRejects(() => SqliteEventStore.open(path), CvmError, "another program");
    await Deno.remove(path);

    (await SqliteEventStore.open(path)).close();
    const newer = new DatabaseSync(path);
    newer.exec("PRAGMA user_version = 99");
    newer.close();
    await assertRejects(() => SqliteEventStore.open(path), CvmError, "has schema 99");
    await assertRejects(
      () => SqliteEventStore.open(`${path}/no/such`),
      CvmError,
      "can't be opened",
    );
  });
});
