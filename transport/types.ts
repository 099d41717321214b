/**
 * MCP's `Transport` and JSON-RPC messages, taken structurally: the same
 * objects serve `@modelcontextprotocol/sdk` 1.x and the 2.x packages, and none
 * of them is imported here.
 *
 * @module
 */

/** A JSON-RPC request id. */
export type RequestId = string | number;

/** A progress token (MCP). */
export type ProgressToken = string | number;

/** A JSON-RPC request. */
export interface JsonRpcRequest {
  /** Always `"2.0"`. */
  jsonrpc: "2.0";
  /** The sender's id for the request. */
  id: RequestId;
  /** The method. */
  method: string;
  /** The parameters; unknown ones pass untouched. */
  params?: {
    _meta?: { progressToken?: ProgressToken; [key: string]: unknown };
    [key: string]: unknown;
  };
}

/** A JSON-RPC notification. */
export interface JsonRpcNotification {
  /** Always `"2.0"`. */
  jsonrpc: "2.0";
  /** The method. */
  method: string;
  /** The parameters; unknown ones pass untouched. */
  params?: { _meta?: { [key: string]: unknown }; [key: string]: unknown };
}

/** A JSON-RPC response that succeeded. */
export interface JsonRpcResult {
  /** Always `"2.0"`. */
  jsonrpc: "2.0";
  /** The id of the request that it answers. */
  id: RequestId;
  /** The result. */
  result: { _meta?: { [key: string]: unknown }; [key: string]: unknown };
}

/** A JSON-RPC response that failed. */
export interface JsonRpcError {
  /** Always `"2.0"`. */
  jsonrpc: "2.0";
  /** The id of the request that it answers; absent when it could not be read. */
  id?: RequestId;
  /** What went wrong. */
  error: { code: number; message: string; data?: unknown };
}

/** A JSON-RPC response. */
export type JsonRpcResponse = JsonRpcResult | JsonRpcError;

/** Any JSON-RPC message that MCP exchanges. */
export type JsonRpcMessage = JsonRpcRequest | JsonRpcNotification | JsonRpcResponse;

/** What a sender may say about a message beside the message itself. */
export interface TransportSendOptions {
  /** The request that this message belongs to (a progress notification, a server's question during a call). */
  relatedRequestId?: RequestId;
  /** Where to take a broken stream up again; for Streamable HTTP alone. */
  resumptionToken?: string;
  /** Told where a broken stream could be taken up again; for Streamable HTTP alone. */
  onresumptiontoken?: (token: string) => void;
}

/**
 * An MCP transport. The two `on…` handlers that take a message or an error are
 * set by the MCP client or server before `start()`.
 */
export interface Transport {
  /** Starts to deliver messages. */
  start(): Promise<void>;
  /** Sends one message; resolves when it has left for good. */
  send(message: JsonRpcMessage, options?: TransportSendOptions): Promise<void>;
  /** Ends the connection. Idempotent. */
  close(): Promise<void>;
  /** Called once, when the connection has ended. */
  onclose?: () => void;
  /** Called for faults that are nobody's answer. */
  onerror?: (error: Error) => void;
  /** Called with each message from the other side. */
  // deno-lint-ignore no-explicit-any
  onmessage?: (message: any, extra?: any) => void;
  /** An id for the connection. */
  sessionId?: string;
  /** Told the MCP protocol version that was agreed on. */
  setProtocolVersion?: (version: string) => void;
}
