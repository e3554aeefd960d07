type Pairs = readonly (readonly [name: string, value: string])[];

const formType = "Content-Type: application/x-www-form-urlencoded";

/** libcurl, alone or under PHP. */
export function curl(agent: string, ...more: readonly string[]): readonly string[] {
  return ["Host: {host}", `User-Agent: ${agent}`, "Accept: */*", ...more, "Content-Length: {length}", formType];
}

/** Python 3, requests. */
export function pythonRequests(agent = "python-requests/2.32.3"): readonly string[] {
  return [
    "Host: {host}",
    `User-Agent: ${agent}`,
    "Accept-Encoding: gzip, deflate",
    "Accept: */*",
    "Connection: keep-alive",
    "Content-Length: {length}",
    formType,
  ];
}

/** Python 2, urllib2. */
export const pythonUrllib2: readonly string[] = [
  "Accept-Encoding: identity",
  "Content-Length: {length}",
  "Host: {host}",
  formType,
  "Connection: close",
  "User-Agent: Python-urllib/2.7",
];

/** WordPress: Requests over libcurl. Each class of the plugin has an agent of its own. */
export function wordPress(agent: string): readonly string[] {
  const hub = "Referer: http://{host}";
  return curl(agent, "Accept-Encoding: deflate, gzip, br", hub, "Connection: close");
}

/** Perl, LWP::UserAgent. */
export const perlLwp: readonly string[] = [
  "TE: deflate,gzip;q=0.3",
  "Connection: TE, close",
  "Host: {host}",
  "User-Agent: Net-PubSubHubbub-Publisher-perl/0.91",
  "Content-Length: {length}",
  formType,
];

/** Ruby, Net::HTTP. */
export const rubyNetHttp: readonly string[] = [
  "Accept-Encoding: gzip;q=1.0,deflate;q=0.6,identity;q=0.3",
  "Accept: */*",
  "User-Agent: Ruby",
  formType,
  "Connection: close",
  "Host: {host}",
  "Content-Length: {length}",
];

/** Ruby, http.rb. */
export function rubyHttp(...agent: readonly string[]): readonly string[] {
  return [...agent, "Connection: close", formType, "Host: {host}", "Content-Length: {length}"];
}

/** Node, the library `request`: no User-Agent, kept alive. */
export const nodeRequest: readonly string[] = [
  "host: {host}",
  "content-type: application/x-www-form-urlencoded",
  "content-length: {length}",
  "Connection: keep-alive",
];

/** Node, axios: would rather have JSON. */
export const nodeAxios: readonly string[] = [
  "Accept: application/json, text/plain, */*",
  formType,
  "User-Agent: axios/0.19.2",
  "Content-Length: {length}",
  "Host: {host}",
  "Connection: keep-alive",
];

/** Node, fetch: the type has a parameter. */
export const nodeFetch: readonly string[] = [
  "host: {host}",
  "connection: keep-alive",
  "content-type: application/x-www-form-urlencoded;charset=UTF-8",
  "accept: */*",
  "accept-language: *",
  "sec-fetch-mode: cors",
  "user-agent: node",
  "accept-encoding: gzip, deflate",
  "content-length: {length}",
];

/** Swift, Vapor on AsyncHTTPClient. */
export const swiftVapor: readonly string[] = [
  "content-type: application/x-www-form-urlencoded; charset=utf-8",
  "Host: {host}",
  "Connection: close",
  "content-length: {length}",
];

/** Rust, hyper. */
export const rustHyper: readonly string[] = [
  "content-type: application/x-www-form-urlencoded",
  "content-length: {length}",
  "host: {host}",
];

/** PHP's http_build_query, and Python 2: nothing but letters, digits, `-_.` as it is. */
export function phpForm(pairs: Pairs): string {
  return join(pairs, phpEncode);
}

/** Python 3: the same, but `~` stays. */
export function pythonForm(pairs: Pairs): string {
  return join(pairs, (text) => rawEncode(text).replaceAll("%20", "+"));
}

/** JavaScript's encodeURIComponent, and Perl but for spaces. */
export function componentForm(pairs: Pairs): string {
  return join(pairs, encodeURIComponent);
}

/** The URL standard's form encoding: browsers, Node, Rust, Ruby. */
export function standardForm(pairs: Pairs): string {
  return new URLSearchParams(pairs.map(([name, value]): [string, string] => [name, value])).toString();
}

/** Vapor: `:` and `/` stay. */
export function vaporForm(pairs: Pairs): string {
  return join(pairs, (text) => encodeURI(text).replace(/[?&=[\];+#]/g, escape));
}

/** Nothing is encoded: curl's `-d`. */
export function plainForm(pairs: Pairs): string {
  return join(pairs, (text) => text);
}

/** PHP's urlencode. */
export function phpEncode(text: string): string {
  return rawEncode(text).replaceAll("~", "%7E").replaceAll("%20", "+");
}

/** PHP's rawurlencode. */
export function rawEncode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, escape);
}

function join(pairs: Pairs, encode: (text: string) => string): string {
  return pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).join("&");
}

function escape(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
