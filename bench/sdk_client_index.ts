/** The same as `sdk_client.ts` by the main entry of the package. */
export { NostrClientTransport, PrivateKeySigner } from "@contextvm/sdk";
