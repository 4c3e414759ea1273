/** What the hooks and methods of the host do for one request, by their names. */
export type Plan = Record<string, string>

export interface HostOptions {
  http2: boolean
  /** Milliseconds, or absent. */
  handlerTimeout?: number
  /** That of the plugin, in milliseconds. */
  timeout: number
}

/** The header that has the plan, as JSON. */
export const planHeader = 'x-plan'

/** Must not reach a client. */
export const internals = 'connect to db.internal as scim_owner'

/** Whether the text has a token or a hash. */
export function isSecret (text: string): boolean {
  return /scim_[0-9A-Za-z]{20}|[0-9a-f]{64}/.test(text)
}
