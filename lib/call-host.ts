import { httpErrors } from '@fastify/sensible'
import type { Awaitable } from './contracts.ts'
import { kindOf } from './kind-of.ts'
import { toError } from './to-error.ts'

/** A host-supplied method has not settled within its time limit. */
class TimeoutError extends Error {}

/**
 * Calls a host-supplied method. What it throws is the `cause` of an error, for the log, and never sent to
 * the client. Whatever it settles to after the time limit is ignored.
 *
 * @param method name for the log, such as `scimTokenStore.find`
 * @param statusCode status of the response if the method throws; if it times out, that is 503
 * @param timeout milliseconds; 0 for no limit
 * @throws an error with that status and cause
 */
export function callHost<T> (method: string, statusCode: 500 | 503, timeout: number, call: () => Awaitable<T>): Promise<T> {
  // One promise for the call and its limit: a second one would take a twentieth of a verification.
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined

    function succeed (result: T): void {
      clearTimeout(timer)
      resolve(result)
    }

    function fail (thrown: unknown): void {
      clearTimeout(timer)
      const status = thrown instanceof TimeoutError ? 503 : statusCode
      reject(httpErrors.createError(status, `${method} failed`, { cause: toError(thrown) }))
    }

    try {
      const result = call()
      if (!isThenable(result)) return resolve(result)
      if (timeout > 0) timer = setTimeout(() => { fail(new TimeoutError(`timed out after ${timeout} ms`)) }, timeout)
      // Promise.resolve, because a thenable may resolve to another one.
      Promise.resolve(result).then(succeed, fail)
    } catch (thrown) {
      fail(thrown)
    }
  })
}

/**
 * Returns the error for a value that the contract of a host-supplied method does not allow.
 *
 * @param mustReturn what the contract allows, such as `true or false`
 */
export function contractError (method: string, mustReturn: string, value: unknown): Error {
  return httpErrors.internalServerError(`${method} must return ${mustReturn}, got ${kindOf(value)}`)
}

function isThenable<T> (value: Awaitable<T>): value is PromiseLike<T> {
  return (typeof value === 'object' || typeof value === 'function') && value !== null && 'then' in value
}
