import { httpErrors } from '@fastify/sensible'
import type { Awaitable } from './contracts.ts'
import { kindOf } from './kind-of.ts'
import { TimeoutError, withTimeout } from './timeout.ts'
import { toError } from './to-error.ts'

/**
 * Calls a host-supplied method. Its errors are logged and never sent to the client.
 *
 * @param method name for the log, such as `scimTokenStore.find`
 * @param statusCode status of the response if the method throws; if it times out, that is 503
 * @param timeout milliseconds; 0 for no limit
 * @throws an error with that status, and what the method threw as its `cause`
 */
export async function callHost<T> (method: string, statusCode: 500 | 503, timeout: number, call: () => Awaitable<T>): Promise<T> {
  try {
    return await withTimeout(call(), timeout)
  } catch (thrown) {
    const status = thrown instanceof TimeoutError ? 503 : statusCode
    throw httpErrors.createError(status, `${method} failed`, { cause: toError(thrown) })
  }
}

/**
 * Returns the error for a value that the contract of a host-supplied method does not allow.
 *
 * @param mustReturn what the contract allows, such as `true or false`
 */
export function contractError (method: string, mustReturn: string, value: unknown): Error {
  return httpErrors.internalServerError(`${method} must return ${mustReturn}, got ${kindOf(value)}`)
}
