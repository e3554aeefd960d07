/** What the hub says of itself to who looks at it: how to use it, with its own URL filled in. */
export function describeHub(url: string): string {
  return `This is a WebSub hub. It tells subscribers the moment a topic changes.

Publish: name the hub in the topic,
  <link rel="hub" href="${url}"/>
  <link rel="self" href="TOPIC URL"/>
and tell the hub whenever the topic has changed:
  curl -d hub.mode=publish -d hub.url=TOPIC_URL ${url}

Subscribe: answer the GET that comes to your callback with its hub.challenge.
  curl -d hub.mode=subscribe -d hub.topic=TOPIC_URL -d hub.callback=YOUR_URL -d hub.secret=YOUR_SECRET ${url}

The protocol: WebSub, https://www.w3.org/TR/websub/
`;
}
