import { assertEquals, assertThrows } from "@std/assert";
import { InputError } from "../../../errors.ts";
import {
  checkModes,
  chooseReplyWrap,
  type EncryptionMode,
  subscribedKinds,
  supportTags,
} from "../../../transport/session/modes.ts";

Deno.test("F04: an unknown mode is an error, not a default", () => {
  for (const mode of ["Required", "on", "", null]) {
    const error = assertThrows(() => checkModes(mode as EncryptionMode), InputError);
    assertEquals(error.code, "CONFIG_INVALID");
  }
  assertThrows(() => checkModes("optional", "both" as "optional"), InputError, "giftWrap");
});

Deno.test("F37: stored gift wraps have a subscription of their own", () => {
  assertEquals(subscribedKinds(checkModes()), [[25910, 21059], [1059]]);
  assertEquals(subscribedKinds(checkModes("required")), [[21059], [1059]]);
  assertEquals(subscribedKinds(checkModes("required", "persistent")), [[1059]]);
  assertEquals(subscribedKinds(checkModes("required", "ephemeral")), [[21059]]);
  assertEquals(subscribedKinds(checkModes("optional", "persistent")), [[25910], [1059]]);
  assertEquals(subscribedKinds(checkModes("disabled")), [[25910]]);
});

Deno.test("supportTags() advertises what the modes accept (CEP-4, CEP-19)", () => {
  assertEquals(supportTags(checkModes()), [["support_encryption"], [
    "support_encryption_ephemeral",
  ]]);
  assertEquals(supportTags(checkModes("required", "persistent")), [["support_encryption"]]);
  assertEquals(supportTags(checkModes("disabled")), []);
});

Deno.test("chooseReplyWrap() mirrors the request, prefers ephemeral where it is understood, and obeys the mode", () => {
  const reply = (
    mode: "optional" | "ephemeral" | "persistent",
    asked: 1059 | 21059 | undefined,
    takes = false,
  ) => chooseReplyWrap(checkModes("optional", mode), asked, takes);
  assertEquals(reply("optional", undefined, true), undefined);
  assertEquals(reply("optional", 1059), 1059);
  assertEquals(reply("optional", 21059), 21059);
  assertEquals(reply("optional", 1059, true), 21059);
  assertEquals(reply("persistent", 21059, true), 1059);
  assertEquals(reply("ephemeral", 1059), 21059);
});
