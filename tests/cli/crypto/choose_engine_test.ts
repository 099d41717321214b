import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { chooseEngine } from "../../../cli/crypto/choose_engine.ts";
import { nodeSymmetric, openNativeEngine } from "../../../cli/crypto/mod.ts";
import { CryptoWorkers } from "../../../crypto/workers.ts";
import { CvmError } from "../../../errors.ts";
import { clientEvent } from "../../crypto/_fixtures.ts";
import { TestIo } from "../helpers.ts";

/** The engine that is chosen with this in `CVM_ENGINE`. */
async function chosenWith(name: string | undefined): Promise<string> {
  const { env } = new TestIo({ env: name === undefined ? {} : { CVM_ENGINE: name } });
  using chosen = await chooseEngine(env);
  assertEquals(chosen.engine.symmetric?.name, "node");
  const key = new Uint8Array(32).fill(1);
  assertEquals(chosen.engine.getPublicKey(key).length, 32);
  return chosen.engine.name;
}

Deno.test("chooseEngine() takes native where it is, else WebAssembly, and the one that is named", async () => {
  using native = openNativeEngine();
  assertEquals(await chosenWith(undefined), native === undefined ? "wasm" : "native");
  assertEquals(await chosenWith(""), native === undefined ? "wasm" : "native");
  assertEquals(await chosenWith("wasm"), "wasm");
  assertEquals(await chosenWith("pure"), "pure");
});

Deno.test({
  name: "chooseEngine() takes WebAssembly without --allow-ffi, and says so when native is named",
  permissions: { ffi: false, read: true },
  fn: async () => {
    assertEquals(await chosenWith(undefined), "wasm");
    const error = await assertRejects(() => chosenWith("native"), CvmError, "--allow-ffi");
    assertEquals(error.code, "ENGINE_UNAVAILABLE");
  },
});

Deno.test("chooseEngine() has workers beside an engine that gains by them, as many as CVM_WORKERS says", async () => {
  for (
    const [engine, workers, expected] of [
      ["wasm", "", true],
      ["pure", "auto", true],
      ["wasm", "2", true],
      ["native", "2", false],
    ] as const
  ) {
    const { env } = new TestIo({ env: { CVM_ENGINE: engine, CVM_WORKERS: workers } });
    using native = openNativeEngine();
    if (engine === "native" && native === undefined) continue;
    using chosen = await chooseEngine(env);
    assertEquals(chosen.workers !== undefined, expected, `${engine} ${workers}`);
  }
  const { env } = new TestIo({ env: { CVM_ENGINE: "wasm", CVM_WORKERS: "many" } });
  const error = await assertRejects(() => chooseEngine(env), CvmError, "many");
  assertEquals(error.code, "CONFIG_INVALID");
});

for (const name of ["wasm", "pure"]) {
  Deno.test(`the workers of the command line verify and refuse with ${name}`, async () => {
    const { env } = new TestIo({ env: { CVM_ENGINE: name, CVM_WORKERS: "1" } });
    using chosen = await chooseEngine(env);
    const { workers } = chosen;
    assert(workers instanceof CryptoWorkers);
    await workers.ready();
    const event = clientEvent();
    assertEquals(await workers.verify(event, { waiting: 100 }), true);
    assertEquals(await workers.verify({ ...event, content: "" }, { waiting: 100 }), false);
    assertEquals([workers.size, workers.handedOver], [1, 2]);
  });
}

Deno.test("chooseEngine() refuses a name that is none", async () => {
  const error = await assertRejects(() => chosenWith("fastest"), CvmError, "fastest");
  assertEquals(error.code, "CONFIG_INVALID");
});

Deno.test("nodeSymmetric refuses keys and nonces of the wrong length", () => {
  const [key, nonce, data] = [new Uint8Array(32), new Uint8Array(12), new Uint8Array(8)];
  assertThrows(() => nodeSymmetric.chacha20(key.subarray(1), nonce, data), RangeError);
  assertThrows(() => nodeSymmetric.chacha20(key, nonce.subarray(4), data), RangeError);
});
