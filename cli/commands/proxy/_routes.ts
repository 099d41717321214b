/**
 * The way from a proxy to its server, or to several that look like one.
 *
 * @module
 */
import type { Signer } from "../../../crypto/signer.ts";
import { combineServers, filterTools } from "../../../transport/proxy.ts";
import type { Transport } from "../../../transport/types.ts";
import { prepareRoute, type ServerRoute } from "../../connection.ts";
import { UsageError } from "../../exit_codes.ts";
import type { CliIo } from "../../io.ts";
import type { StoredKey } from "../../key_store.ts";
import type { ProxyArguments } from "./command.ts";

/** How a proxy reaches its servers, any number of times. */
export interface ProxyRoute {
  /** Makes a connection, not started; with the visitor's key, or with another one. */
  readonly open: (signer?: Signer) => Transport;
  /** The public keys of the servers, hex. */
  readonly servers: readonly string[];
  /** The key that visits them. */
  readonly key: StoredKey;
}

/**
 * Finds out how the servers are reached.
 *
 * @throws {UsageError} When several servers do not have a name each.
 * @throws {InputError} When a server, a relay or the key can't be used.
 */
export async function prepareProxyRoute(args: ProxyArguments, io: CliIo): Promise<ProxyRoute> {
  const named = args.servers.map(parseServer);
  const routes: ServerRoute[] = [];
  for (const { server } of named) {
    const handshakeTimeoutMs = args.timeoutMs;
    routes.push(await prepareRoute({ ...args, server }, io, { handshakeTimeoutMs }));
  }
  const [{ key }] = routes as [ServerRoute];
  const names = named.length === 1 ? [] : named.map(({ name }, index) => nameOf(name, index));
  const twin = names.find((name, index) => names.indexOf(name) !== index);
  if (twin !== undefined) throw new UsageError(`two servers are called "${twin}"`);
  const { tool, denyTool } = args;
  const open = (signer?: Signer): Transport =>
    routes.length === 1 ? routes[0]!.open(signer) : combineServers(
      Object.fromEntries(routes.map((route, index) => [names[index], route.open(signer)])),
    );
  if (names.length > 0) await open().close(); // wrong names are said now, and not to each host
  const filter = { ...(tool.length > 0 ? { allow: tool } : {}), deny: denyTool };
  return {
    key,
    servers: routes.map(({ server }) => server.publicKey),
    open: tool.length + denyTool.length === 0
      ? open
      : (signer) => filterTools(open(signer), filter),
  };
}

/** `NAME=SERVER`, or the server alone; an alias is its own name. */
function parseServer(text: string): { readonly name: string | undefined; readonly server: string } {
  const [, name, server] = /^([\w-]+)=(.+)$/.exec(text) ?? [];
  if (name !== undefined && server !== undefined) return { name, server };
  const isAlias = /^[A-Za-z0-9][\w-]{0,31}$/.test(text);
  return { name: isAlias ? text : undefined, server: text };
}

function nameOf(name: string | undefined, index: number): string {
  if (name !== undefined) return name;
  throw new UsageError(
    `of several servers each needs a name, as in NAME=SERVER; number ${index + 1} has none`,
  );
}
