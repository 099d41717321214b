/**
 * The environment variables that hold secrets of `cvm` itself.
 *
 * @module
 */

/** A private key: nsec, hex, ncryptsec or a bunker's address. */
export const KEY_VARIABLE = "CVM_PRIVATE_KEY";
/** The password of an encrypted key. */
export const PASSWORD_VARIABLE = "CVM_KEY_PASSWORD";

/** All of them; none of a child's or a configuration file's business. */
export const SECRET_VARIABLES: readonly string[] = [
  KEY_VARIABLE,
  PASSWORD_VARIABLE,
  "CVM_UPSTREAM_BEARER",
  "CVM_HTTP_BEARER",
];

/** The variables that hold what an option names a file of: both are one setting. */
export const SECRET_OF_FILE: ReadonlyMap<string, string> = new Map([
  ["--key-file", KEY_VARIABLE],
  ["--password-file", PASSWORD_VARIABLE],
  ["--http-bearer-file", "CVM_HTTP_BEARER"],
]);
