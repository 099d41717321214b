import { assertEquals } from "@std/assert";
import * as crypto from "../crypto/mod.ts";
import * as errors from "../errors.ts";
import * as root from "../mod.ts";
import * as discovery from "../transport/discovery/mod.ts";
import * as gateway from "../transport/gateway.ts";
import * as transport from "../transport/mod.ts";
import * as proxy from "../transport/proxy.ts";

Deno.test("mod.ts has everything that its parts have, and names it", () => {
  for (const part of [crypto, errors, transport, gateway, proxy, discovery]) {
    assertEquals(Object.keys(part).filter((name) => !(name in root)), []);
  }
});
