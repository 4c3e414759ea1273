import { setTimeout as delay } from 'node:timers/promises'

/**
 * Polls a condition until it is true.
 *
 * @param limit milliseconds
 * @throws Error if it is not true within the limit
 */
export async function until (what: string, isTrue: () => boolean | Promise<boolean>, limit = 30_000): Promise<void> {
  const deadline = performance.now() + limit
  while (!await isTrue()) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${limit} ms`)
    await delay(20)
  }
}
