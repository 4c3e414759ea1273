// `URL` also accepts hosts that no browser sends, such as `*.example.com`.
const format = /^https?:\/\/(\[[\da-f:.]+\]|[\w-]+(\.[\w-]+)*\.?)(:\d+)?$/i

/**
 * Returns an http or https origin as browsers send it: in lower case, without a default port, and with the short
 * form of an IPv6 address (RFC 6454, section 6.2); `undefined` if the text is not one.
 */
export function parseOrigin (text: string): string | undefined {
  return format.test(text) && URL.canParse(text) ? new URL(text).origin : undefined
}
