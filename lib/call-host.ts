import { httpErrors } from '@fastify/sensible'
import { kindOf } from './check-options.ts'
import type { Awaitable } from './contracts.ts'
import { toError } from './thrown.ts'

/** A host-supplied method has not settled within its time limit. */
class TimeoutError extends Error {
  readonly code = 'SCIM_TIMEOUT'
}

/**
 * Calls a host-supplied method, and resolves or rejects as it does. Whatever it settles to after the time
 * limit is ignored.
 *
 * @param timeout milliseconds; 0 for no limit
 */
export function callHost<T> (timeout: number, call: () => Awaitable<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const result = Promise.resolve(call())
    if (timeout === 0) return resolve(result)
    const timer = setTimeout(() => { reject(new TimeoutError(`timed out after ${timeout} ms`)) }, timeout)
    result.then(resolve, reject).finally(() => { clearTimeout(timer) })
  })
}

/**
 * Returns the error for a host-supplied method that has thrown or timed out. What it threw is the `cause`, for
 * the log; it is never sent.
 *
 * @param method name for the log, such as `scimTokenStore.find`
 * @param statusCode status of the response if the method threw; if it timed out, that is 503
 */
export function hostFailed (method: string, statusCode: 500 | 503, thrown: unknown): Error {
  return httpErrors.createError(thrown instanceof TimeoutError ? 503 : statusCode, `${method} failed`, { code: failureCode(method), cause: toError(thrown) })
}

/**
 * Returns the error for a value that the contract of a host-supplied method does not allow.
 *
 * @param mustReturn what the contract allows, such as `true or false`
 */
export function contractError (method: string, mustReturn: string, value: unknown): Error {
  return httpErrors.createError(500, `${method} must return ${mustReturn}, got ${kindOf(value)}`, { code: failureCode(method) })
}

function failureCode (method: string): string {
  return method.startsWith('scimTokenStore.') ? 'SCIM_STORE_FAILED' : 'SCIM_RESOLVER_FAILED'
}
