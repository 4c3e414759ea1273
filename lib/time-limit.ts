import type { Awaitable } from './contracts.ts'

/** Thrown when a time is over. */
export class TimeLimitError extends Error {}

/**
 * Waits for a value no longer than a time.
 *
 * @param limit milliseconds; 0 for no limit
 * @throws TimeLimitError when the time is over; what becomes of the value then is ignored
 */
export function within<T> (limit: number, value: Awaitable<T>): Awaitable<T> {
  return limit === 0 || !isAwaited(value) ? value : race(limit, value)
}

async function race<T> (limit: number, value: PromiseLike<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const expired = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => { reject(new TimeLimitError(`no answer within ${limit} ms`)) }, limit)
  })
  try {
    return await Promise.race([value, expired])
  } finally {
    clearTimeout(timer)
  }
}

function isAwaited<T> (value: Awaitable<T>): value is PromiseLike<T> {
  return (typeof value === 'object' || typeof value === 'function') && value !== null && 'then' in value
}
