/**
 * libsecp256k1 on this machine: where it is found, and the functions that are
 * used of it.
 *
 * @module
 */

/** The functions that are used; all versions since 0.2 have them, with the same shapes. */
const SYMBOLS = {
  secp256k1_context_create: { parameters: ["u32"], result: "pointer" },
  secp256k1_context_randomize: { parameters: ["pointer", "buffer"], result: "i32" },
  secp256k1_context_destroy: { parameters: ["pointer"], result: "void" },
  secp256k1_keypair_create: { parameters: ["pointer", "buffer", "buffer"], result: "i32" },
  secp256k1_keypair_xonly_pub: {
    parameters: ["pointer", "buffer", "pointer", "buffer"],
    result: "i32",
  },
  secp256k1_xonly_pubkey_serialize: {
    parameters: ["pointer", "buffer", "buffer"],
    result: "i32",
  },
  secp256k1_xonly_pubkey_parse: { parameters: ["pointer", "buffer", "buffer"], result: "i32" },
  secp256k1_schnorrsig_sign32: {
    parameters: ["pointer", "buffer", "buffer", "buffer", "buffer"],
    result: "i32",
  },
  secp256k1_schnorrsig_verify: {
    parameters: ["pointer", "buffer", "buffer", "usize", "buffer"],
    result: "i32",
  },
  secp256k1_ec_pubkey_parse: {
    parameters: ["pointer", "buffer", "buffer", "usize"],
    result: "i32",
  },
  secp256k1_ecdh: {
    parameters: ["pointer", "buffer", "buffer", "buffer", "function", "pointer"],
    result: "i32",
  },
} as const;

/** The opened library. */
export type Libsecp256k1 = Deno.DynamicLibrary<typeof SYMBOLS>;

/** The numbers of the library's binary interfaces that have all functions, newest first. */
const VERSIONS = [6, 5, 2, 1];

/**
 * Where distributions put the library: absolute paths only, so that no file in
 * a folder that somebody else can write to is taken for it.
 */
export function usualPaths(os: string, arch: string): readonly string[] {
  switch (os) {
    case "linux":
    case "freebsd": {
      const folders = [`/usr/lib/${arch}-linux-gnu`, "/usr/lib64", "/usr/lib", "/usr/local/lib"];
      return folders.flatMap((folder) =>
        VERSIONS.map((version) => `${folder}/libsecp256k1.so.${version}`)
      );
    }
    case "darwin":
      return ["/opt/homebrew/lib", "/usr/local/lib", "/opt/local/lib"].flatMap((folder) =>
        VERSIONS.map((version) => `${folder}/libsecp256k1.${version}.dylib`)
      );
    default:
      return [];
  }
}

/**
 * Opens the library at one of the paths. Never asks for a permission, and
 * passes over what is not there or has not all functions.
 *
 * @returns The library and its path; `undefined` when there is none to be had.
 */
export function openLibrary(
  paths: readonly string[],
): { readonly library: Libsecp256k1; readonly path: string } | undefined {
  // A permission for one path alone would do for the library, and not for the callback of its ECDH.
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return undefined;
  for (const path of paths) {
    try {
      return { library: Deno.dlopen(path, SYMBOLS), path };
    } catch {
      // Not there, too old, or built without Schnorr signatures: the next one may do.
    }
  }
  return undefined;
}
