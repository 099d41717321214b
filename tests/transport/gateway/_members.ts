/** Fixture servers in this process that a gateway combines. */
// @ts-types="@modelcontextprotocol/sdk/inMemory"
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
// @ts-types="@modelcontextprotocol/sdk/server/mcp"
import type { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import {
  combineUpstreams,
  type CombineUpstreamsOptions,
  type MemberStatus,
  type OpenUpstream,
} from "../../../transport/gateway.ts";
import type { Transport } from "../../../transport/types.ts";
import { fixtureServer, type Log } from "../_harness.ts";

/** A server that can be started any number of times, unless it is broken. */
export class Member {
  /** Each server that was started. */
  readonly servers: McpServer[] = [];
  readonly log: Log = { echoed: [], started: 0, cancelled: 0 };
  /** Methods that no handler was there for, in the order in which they came. */
  readonly requests: string[] = [];
  /** Why it can't be started. */
  broken: string | undefined;
  /** Waited for before it starts. */
  gate: Promise<void> = Promise.resolve();
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  readonly open: OpenUpstream = async (): Promise<Transport> => {
    await this.gate;
    if (this.broken !== undefined) throw new Error(this.broken);
    const mcp = fixtureServer(this.log);
    const uri = `test://${this.#name}`;
    mcp.registerResource("own", uri, {}, () => ({ contents: [{ uri, text: this.#name }] }));
    mcp.server.fallbackRequestHandler = ({ method, params }) => {
      this.requests.push(`${method} ${params?.uri ?? params?.level}`);
      return Promise.resolve({});
    };
    const [ours, theirs] = InMemoryTransport.createLinkedPair();
    await mcp.connect(theirs);
    this.servers.push(mcp);
    return ours;
  };

  /** Ends the server that runs. */
  async die(): Promise<void> {
    await this.servers.at(-1)!.close();
  }
}

/** Two members, and what a gateway takes as its upstream. */
export function twoMembers(options: CombineUpstreamsOptions = {}) {
  const one = new Member("one");
  const two = new Member("two");
  const states: string[] = [];
  const onStatus = (name: string, { state }: MemberStatus) => void states.push(`${name} ${state}`);
  const upstream = combineUpstreams({ one: one.open, two: two.open }, {
    restart: { initialMs: 5, maxMs: 10 },
    onStatus,
    ...options,
  });
  return { one, two, states, upstream };
}
