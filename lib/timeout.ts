import type { Awaitable } from './contracts.ts'

/** A value was not settled within its limit. */
export class TimeoutError extends Error {}

/**
 * Returns the value, or a promise of it that rejects after the limit. Whatever the value settles
 * to later is ignored.
 *
 * @param limit milliseconds; 0 for no limit
 * @throws TimeoutError after `limit` milliseconds
 */
export function withTimeout<T> (value: Awaitable<T>, limit: number): Awaitable<T> {
  if (limit === 0 || !isThenable(value)) return value
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => { reject(new TimeoutError(`timed out after ${limit} ms`)) }, limit)
    // Promise.resolve, because a thenable may resolve to another one.
    Promise.resolve(value).then(
      (result) => { clearTimeout(timer); resolve(result) },
      (error) => { clearTimeout(timer); reject(error) }
    )
  })
}

function isThenable<T> (value: Awaitable<T>): value is PromiseLike<T> {
  return (typeof value === 'object' || typeof value === 'function') && value !== null && 'then' in value
}
