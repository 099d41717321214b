import { assertEquals } from "@std/assert";
import { type NostrEvent, PrivateKeySigner } from "../../../crypto/mod.ts";
import { type Answer, KeptAnswers } from "../../../transport/session/_kept_answers.ts";
import { DEFAULT_LIMITS, type SessionLimits } from "../../../transport/session/limits.ts";

const signer = PrivateKeySigner.generate();

/** Kept answers, a clock, and what was sent again. */
function keeper(limits: Partial<SessionLimits & { relays: number }> = {}) {
  const clock = { now: 0 };
  const sent: string[] = [];
  const kept = new KeptAnswers({
    ...DEFAULT_LIMITS,
    relays: 1,
    ...limits,
    now: () => clock.now,
    publish: ({ event }) => sent.push(event.content),
  });
  /** The requests that are answered again, asked for one after the other. */
  const again = (...ids: string[]) => {
    clock.now += 1_000;
    for (const id of ids) kept.sendAgain(id, "wss://relay.test");
    return sent.splice(0);
  };
  return { kept, clock, sent, again };
}

async function answer(content: string): Promise<Answer> {
  const template = { kind: 25910, created_at: 1, tags: [], content };
  const event: NostrEvent = await signer.signEvent(template);
  return { event, recipient: signer.pubkey, wrapKind: undefined };
}

Deno.test("KeptAnswers keep so many answers, and the youngest of them", async () => {
  const { kept, again } = keeper({ maxKeptAnswers: 2 });
  for (const id of ["a", "b", "c"]) kept.keep(id, await answer(id));
  assertEquals([kept.size, again("a", "b", "c")], [2, ["b", "c"]]);
});

Deno.test("KeptAnswers keep so many bytes, and nothing that is larger than all of them", async () => {
  const { kept, again } = keeper({ maxKeptAnswerBytes: 2_000 });
  kept.keep("a", await answer("a".repeat(300)));
  kept.keep("huge", await answer("h".repeat(2_000)));
  kept.keep("b", await answer("b".repeat(300)));
  assertEquals(again("a", "huge", "b").map((text) => text[0]), ["a", "b"]);
  kept.keep("c", await answer("c".repeat(500)));
  assertEquals(again("a", "b", "c").map((text) => text[0]), ["b", "c"]);
  kept.keep("b", await answer("B"));
  assertEquals([kept.size, again("b")], [2, ["B"]]);
});

Deno.test("KeptAnswers forget what is older than a request may be", async () => {
  const { kept, again, clock } = keeper({ freshnessMs: 10_000 });
  kept.keep("a", await answer("a"));
  clock.now = 5_000;
  kept.keep("b", await answer("b"));
  clock.now = 9_500;
  assertEquals(again("a", "b"), ["b"]);
  clock.now = 16_000;
  kept.keep("c", await answer("c"));
  assertEquals(kept.size, 1);
});

Deno.test("KeptAnswers send nothing within a second, nothing more than five times, and nothing unknown", async () => {
  const { kept, again, sent, clock } = keeper();
  kept.keep("a", await answer("a"));
  clock.now = 999;
  kept.sendAgain("a", "wss://relay.test");
  assertEquals(sent, []);
  for (let times = 1; times <= 7; times++) {
    assertEquals(again("a", "a", "unknown"), times <= 5 ? ["a"] : []);
  }
});

Deno.test("KeptAnswers send so many a second, to all together", async () => {
  const { kept, again } = keeper({ maxAnswersAgainPerSecond: 1 });
  for (const id of ["a", "b", "c", "d"]) kept.keep(id, await answer(id));
  assertEquals(again("a", "b", "c", "d"), ["a", "b"]); // there is room for two seconds at once
  assertEquals(again("c", "d"), ["c"]);
});

Deno.test("KeptAnswers take the first copy of each relay for one that took its time", async () => {
  const { kept, clock, sent } = keeper({ relays: 2 });
  kept.keep("a", await answer("a"));
  for (const relay of ["wss://slow.test", "wss://slower.test"]) {
    clock.now += 2_000;
    kept.sendAgain("a", relay);
  }
  assertEquals(sent, []);
  clock.now += 2_000;
  kept.sendAgain("a", "wss://slow.test");
  assertEquals(sent, ["a"]);
});
