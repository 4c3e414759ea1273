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
  return limit === 0 || !isThenable(value) ? value : race(value, limit)
}

async function race<T> (value: PromiseLike<T>, limit: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const expired = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => { reject(new TimeoutError(`timed out after ${limit} ms`)) }, limit)
  })
  try {
    return await Promise.race([value, expired])
  } finally {
    clearTimeout(timer)
  }
}

function isThenable<T> (value: Awaitable<T>): value is PromiseLike<T> {
  return (typeof value === 'object' || typeof value === 'function') && value !== null && 'then' in value
}
