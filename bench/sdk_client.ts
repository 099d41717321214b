/** What a client of `@contextvm/sdk` imports; `bench/weight.ts` weighs it beside ours. */
export { PrivateKeySigner } from "@contextvm/sdk/signer";
export { NostrClientTransport } from "@contextvm/sdk/transport";
