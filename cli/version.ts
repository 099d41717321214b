/**
 * The version of `cvm`.
 *
 * @module
 */
import config from "../deno.json" with { type: "json" };

/** The version, as it stands in the package's configuration. */
export const VERSION: string = config.version;
