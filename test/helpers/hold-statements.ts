import type { HeldWrite } from '../../lib/stores/conformance.ts'
import type { Queryable } from '../../lib/stores/postgres.ts'

/** A connection that can hold back one of its next statements before it is sent. */
export interface HoldableQueryable extends Queryable {
  /** Holds back a statement: 1 for the next one. */
  hold (number: number): HeldWrite
}

export function holdable (db: Queryable): HoldableQueryable {
  let next: { number: number, hold: () => Promise<void> } | undefined
  return {
    async query (text, values) {
      if (next !== undefined && --next.number === 0) {
        const { hold } = next
        next = undefined
        await hold()
      }
      return await db.query(text, values)
    },

    hold (number) {
      let release = () => {}
      const released = new Promise<void>((resolve) => { release = resolve })
      const held = new Promise<void>((resolve) => {
        next = {
          number,
          hold () {
            resolve()
            return released
          }
        }
      })
      return { held, release }
    }
  }
}
