import * as library from "./http-libraries.ts";

/** How a publisher of reference clients.md section 3 pings, byte for byte. */
export type PublisherRequest = {
  readonly publisher: string;
  /** The request target; given the topics where they stand in it. */
  readonly at: string | ((topics: readonly string[]) => string);
  readonly headers: readonly string[];
  readonly body: (topics: readonly string[]) => string;
  /** The topics' paths. */
  readonly paths: readonly string[];
};

const one = ["/feed/?cat=1&tag=a%20b~c"];
const two = [...one, "/comments/feed/"];
/** With plain permalinks: the site's two feeds, and two each for two tags, a category and the author. */
const plainPermalinks = ["", "&tag=alpha", "&tag=beta", "&cat=2", "&author=1"].flatMap((of) => [
  `/?feed=atom${of}`,
  `/?feed=rss2${of}`,
]);
const wordPressAgent = "WordPress/6.1.9; http://blog.example; PubSubHubbub/WebSub";
/** A page build seen by GitHub: what the hub is sent has nothing to do with it. */
const pageBuild = '{"id":1208415,"build":{"status":"built","error":{"message":null}},"repository":{"name":"blog"}}';

export const publisherRequests: readonly PublisherRequest[] = [
  {
    publisher: "WordPress 6.1.9 with plugin 4.0.0",
    at: "/",
    headers: library.wordPress(wordPressAgent),
    body: wordPressBody,
    paths: ["/feed/atom/", "/feed/", "/tag/alpha/feed/atom/", "/tag/alpha/feed/", "/author/jane%20doe/feed/"],
  },
  {
    publisher: "WordPress with plain permalinks (&amp;)",
    at: "/publish",
    headers: library.wordPress(wordPressAgent),
    body: (topics) => wordPressBody(topics.map((topic) => topic.replaceAll("&", "&amp;"))),
    paths: plainPermalinks,
  },
  {
    publisher: "the official PHP client",
    at: "/hub",
    headers: library.curl("PubSubHubbub-Publisher-PHP/1.0"),
    body: (topics) => `hub.mode=publish${topics.map((topic) => `&hub.url=${library.phpEncode(topic)}`).join("")}`,
    paths: two,
  },
  {
    publisher: "the official Python client (URLs first)",
    at: "/publish/",
    headers: library.pythonUrllib2,
    body: (topics) => library.phpForm([...named("hub.url", topics), ["hub.mode", "publish"]]),
    paths: two,
  },
  {
    publisher: "the official Perl client (TE header)",
    at: "/hub",
    headers: library.perlLwp,
    body: (topics) => library.componentForm([["hub.mode", "publish"], ...named("hub.url", topics)]),
    paths: two,
  },
  {
    publisher: "django-push 2.0",
    at: "/",
    headers: library.pythonRequests("django-push/2.0"),
    body: (topics) => library.pythonForm([["hub.mode", "publish"], ...named("hub.url", topics)]),
    paths: one,
  },
  {
    publisher: "Known (joined by commas)",
    at: "/publish",
    headers: library.curl("Known https://withknown.com"),
    body: (topics) => `hub.mode=publish&hub.url=${topics.map(library.phpEncode).join(",")}`,
    paths: ["/", "/?_t=rss", "/content/posts", "/content/posts?_t=rss"],
  },
  {
    publisher: "a Switchboard user (hub.topic)",
    at: "/",
    headers: library.curl("curl/8.5.0"),
    body: (topics) => library.phpForm([["hub.mode", "publish"], ...named("hub.topic", topics)]),
    paths: one,
  },
  {
    publisher: "a blog engine (hub.url and hub.topic)",
    at: "/hub/",
    headers: library.nodeFetch,
    body: (topics) =>
      library.standardForm([["hub.mode", "publish"], ...named("hub.url", topics), ...named("hub.topic", topics)]),
    paths: one,
  },
  {
    publisher: "a script on Node's fetch",
    at: "/",
    headers: library.nodeFetch,
    body: (topics) => library.standardForm([["hub.mode", "publish"], ...named("hub.url", topics)]),
    paths: one,
  },
  {
    publisher: "a script on axios (prefers JSON)",
    at: "/",
    headers: library.nodeAxios,
    body: (topics) => library.standardForm([["hub.mode", "publish"], ...named("hub.url", topics)]),
    paths: one,
  },
  {
    publisher: "a script on Python requests",
    at: "/hub",
    headers: library.pythonRequests(),
    body: (topics) => `hub.mode=publish&hub.url=${library.rawEncode(topics[0] ?? "")}`,
    paths: one,
  },
  {
    publisher: "a script on Ruby's Net::HTTP",
    at: "/",
    headers: library.rubyNetHttp,
    body: (topics) => library.standardForm([["hub.mode", "publish"], ...named("hub.url", topics)]),
    paths: one,
  },
  {
    publisher: "a script on curl -d (nothing encoded)",
    at: "/",
    headers: library.curl("curl/8.5.0"),
    body: (topics) => library.plainForm([["hub.mode", "publish"], ...named("hub.url", topics)]),
    paths: ["/feed.xml"],
  },
  {
    publisher: "curl -X POST with all in the query",
    at: (topics) => `/?hub.mode=publish&hub.url=${topics[0]}`,
    headers: ["Host: {host}", "User-Agent: curl/8.5.0", "Accept: */*"], // and no Content-Length
    body: () => "",
    paths: ["/feed.xml"],
  },
  {
    publisher: "a Jekyll rake task (absolute target)",
    at: "http://{host}/publish",
    headers: library.rubyNetHttp,
    body: (topics) => library.standardForm([["hub.mode", "publish"], ...named("hub.url", topics)]),
    paths: one,
  },
  {
    publisher: "a GitHub webhook (JSON body)",
    at: (topics) => `/?${library.standardForm([["hub.mode", "publish"], ...named("hub.url", topics)])}`,
    headers: gitHub("application/json"),
    body: () => pageBuild,
    paths: two,
  },
  {
    publisher: "a GitHub webhook (payload= body)",
    at: (topics) => `/publish?${library.standardForm([["hub.mode", "publish"], ...named("hub.url", topics)])}`,
    headers: gitHub("application/x-www-form-urlencoded"),
    body: () => `payload=${encodeURIComponent(pageBuild)}`,
    paths: one,
  },
  {
    publisher: "a user of Superfeedr (hub.url[])",
    at: "/",
    headers: library.rubyHttp("User-Agent: Ruby"),
    body: (topics) => library.phpForm([["hub.mode", "publish"], ...named("hub.url[]", topics)]),
    paths: two,
  },
  {
    publisher: "a user of Superfeedr (list by commas)",
    at: "/",
    headers: library.rubyHttp("User-Agent: Ruby"),
    body: (topics) =>
      library.phpForm([
        ["hub.mode", "publish"],
        ["hub.url", topics.join(",")],
      ]),
    paths: two,
  },
  {
    publisher: "a user of Superfeedr (fat ping)",
    at: "/",
    headers: library.rubyHttp("User-Agent: Ruby"),
    body: (topics) =>
      library.phpForm([
        ["hub.mode", "publish"],
        ...named("hub.url", topics),
        ["hub.content", "<feed><entry/></feed>"],
        ["hub.signature", "0c1f2e"],
      ]),
    paths: one,
  },
  {
    publisher: "Lamb (Atom and JSON Feed)",
    at: "/",
    headers: library.curl("Lamb"),
    body: (topics) => library.phpForm([["hub.mode", "publish"], ...named("hub.url", topics)]),
    paths: ["/feed", "/feed.json"],
  },
];

/** WordPress encodes raw (`%20`) and repeats the field. */
export function wordPressBody(topics: readonly string[]): string {
  return `hub.mode=publish${topics.map((topic) => `&hub.url=${library.rawEncode(topic)}`).join("")}`;
}

function named(name: string, values: readonly string[]): readonly (readonly [string, string])[] {
  return values.map((value) => [name, value]);
}

function gitHub(type: string): readonly string[] {
  return [
    "Host: {host}",
    "User-Agent: GitHub-Hookshot/044aadd",
    "Content-Length: {length}",
    "Accept: */*",
    `Content-Type: ${type}`,
    "X-GitHub-Delivery: 72d3162e-cc78-11e3-81ab-4c9367dc0958",
    "X-GitHub-Event: page_build",
    "X-GitHub-Hook-ID: 292430182",
    "X-Hub-Signature: sha1=7d38cdd689735b008b3c702edd92eea23791c5f6",
    "X-Hub-Signature-256: sha256=d57c68ca6f92289e6987922ff26938930f6e66a2d161ef06abdf1859230aa23c",
  ];
}
