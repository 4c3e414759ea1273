import { setTimeout } from 'node:timers/promises'
import { kindOf } from '../check-options.ts'
import type { Awaitable } from '../contracts.ts'

/** A number that the storage of the SCIM settings issues, each time a greater one: a fencing token. */
export type Fence = string | number | bigint

/** The statements of a write. */
export interface FencedWrite {
  /** The `signal` of the write's context. */
  signal: AbortSignal
  /**
   * Draws the next number from the SCIM settings, in a statement of its own. It must be greater than all
   * earlier ones, even if the SCIM settings were deleted or restored. The last number plus one, or the
   * database's clock in microseconds if that is greater, is enough. Resolves to `null` if there are no
   * SCIM settings.
   */
  draw: () => Awaitable<Fence | null | undefined>
  /**
   * Writes, and stores the number, in one atomic statement. It must write only if `written < fence` and
   * `drawn >= fence`. Both kinds of write share the two numbers. Resolves to whether it has written.
   */
  write: (fence: Fence) => Awaitable<boolean>
  /**
   * Whether a statement that rejected was rolled back, such as for a deadlock, and may be repeated.
   * @defaultValue no statement is repeated
   */
  isRolledBack?: ((error: unknown) => Awaitable<boolean>) | undefined
}

const rolledBack = Symbol('rolled back')
// In milliseconds.
const longestPause = 64

/**
 * Runs a write so that, once given up, it has no effect after a later one has resolved. It does not matter
 * how late the database executes its statements. If a write with a greater number was stored meanwhile, it
 * draws the next number and tries again, after a pause in which other work of the process runs.
 *
 * Kleppmann calls such a number a fencing token
 * (https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html).
 *
 * @param statements the two statements of the write, its signal, and the errors after which a statement is repeated
 * @returns `true` once it has written; `false` if there are no SCIM settings
 * @throws what a statement rejects with; an error before the next statement once the signal is aborted; a TypeError
 *   if `draw` or `write` resolves to anything else
 */
export async function fencedWrite ({ signal, draw, write, isRolledBack = () => false }: FencedWrite): Promise<boolean> {
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted()
    const fence = await repeatable(draw)
    if (fence === null || fence === undefined) return false

    if (fence !== rolledBack) {
      requireFence(fence)
      // A number that was drawn after the write was given up may be greater than those stored since.
      signal.throwIfAborted()
      const hasWritten = await repeatable(() => write(fence))
      if (hasWritten === true) return true
      if (hasWritten !== false && hasWritten !== rolledBack) throw new TypeError(`fencedWrite: write must resolve to true or false, got ${kindOf(hasWritten)}.`)
    }
    // A random part, so that two writes do not overtake each other forever.
    await setTimeout(Math.random() * Math.min(2 ** attempt, longestPause))
  }

  async function repeatable<T> (statement: () => Awaitable<T>): Promise<T | typeof rolledBack> {
    try {
      return await statement()
    } catch (error) {
      if (await isRolledBack(error) === true) return rolledBack
      throw error
    }
  }
}

function requireFence (fence: unknown): void {
  const isFence = ['string', 'bigint'].includes(typeof fence) || Number.isFinite(fence)
  if (!isFence) throw new TypeError(`fencedWrite: draw must resolve to a number, a bigint or a string, got ${kindOf(fence)}. Does the row have the number?`)
}
