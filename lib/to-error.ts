/** What is wrong at one place of a request body. */
export interface Fault {
  /** JSON Pointer (RFC 6901); empty for the whole body. */
  path: string
  message: string
}

/** An error with the properties that Fastify reads from what a hook throws. */
export type Thrown = Error & { statusCode?: number, status?: number, headers?: Record<string, string>, details?: Fault[] }

/** Returns an Error for any thrown value. */
export function toError (thrown: unknown): Thrown {
  if (thrown instanceof Error) return thrown
  if (typeof thrown !== 'object' || thrown === null) return new Error(String(thrown))
  return Object.assign(new Error('an object that is not an Error'), thrown)
}
