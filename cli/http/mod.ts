/**
 * The local HTTP endpoint of `cvm proxy --http`.
 *
 * @module
 */
export { type HttpEndpoint, serveHttp, type ServeHttpOptions } from "./serve_http.ts";
export { HttpSession, type HttpSessionLimits } from "./http_session.ts";
