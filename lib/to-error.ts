/** What is wrong at one place of a request body. */
export interface Fault {
  /** JSON Pointer (RFC 6901); empty for the whole body. */
  path: string
  message: string
}

/** An error with the properties that Fastify reads from what a hook throws. */
export type Thrown = Error & { statusCode?: number | undefined, status?: number, headers?: Record<string, string> | undefined, details?: Fault[] }

/** Returns an Error for any thrown value. */
export function toError (thrown: unknown): Thrown {
  if (thrown instanceof Error) return thrown
  if (typeof thrown !== 'object' || thrown === null) return new Error(String(thrown))
  // By name, because a ScimError has getters.
  const { message = 'an object that is not an Error', statusCode, headers, cause } = thrown as Partial<Thrown>
  return Object.assign(new Error(message, { cause }), thrown, { statusCode, headers })
}
