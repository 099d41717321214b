import { assertEquals } from "@std/assert";
import { WrapChoice } from "../../../transport/client/_wrap_choice.ts";
import type { Announcement } from "../../../transport/discovery/announcement.ts";
import { checkModes } from "../../../transport/session/modes.ts";

function announcement(
  [supportsEncryption, supportsEphemeral]: readonly [boolean, boolean],
): Announcement {
  return {
    event: { id: "", pubkey: "", created_at: 0, kind: 11316, tags: [], content: "", sig: "" },
    initializeResult: undefined,
    name: undefined,
    about: undefined,
    supportsEncryption,
    supportsEphemeral,
    tags: [],
  };
}

Deno.test("WrapChoice.learnAnnouncement() goes by the newest announcement alone, whatever an older one said", () => {
  const announcements = [[false, false], [true, false], [true, true], [false, true]] as const;
  for (const encryption of ["optional", "required", "disabled"] as const) {
    for (const giftWrap of ["optional", "ephemeral", "persistent"] as const) {
      const modes = checkModes(encryption, giftWrap);
      for (const newest of announcements) {
        const once = new WrapChoice(modes);
        once.learnAnnouncement(announcement(newest));
        for (const older of announcements) {
          const twice = new WrapChoice(modes);
          twice.learnAnnouncement(announcement(older));
          twice.learnAnnouncement(announcement(newest));
          assertEquals(
            [twice.current, twice.isUnsure, twice.mismatch?.message],
            [once.current, once.isUnsure, once.mismatch?.message],
            `${encryption}/${giftWrap}: ${older}, then ${newest}`,
          );
        }
      }
    }
  }
});
