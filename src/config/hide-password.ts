/**
 * A setting's text without the password of a URL, also of one that breaks the rule. What stands between the
 * first colon, that of a scheme apart, and the last `@` may all be password.
 */
export function hidePassword(text: string): string {
  if (text.startsWith("file:")) return text;
  const [, scheme = "", rest = ""] = /^([^:]*:\/\/)?(.*)$/s.exec(text) ?? [];
  return scheme + rest.replace(/^([^:]*):.*@/s, "$1:***@").replaceAll(/(password=)[^&\s]*/gi, "$1***");
}
