import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { fencedWrite, type Fence, type FencedWrite } from '../../lib/stores/fenced-write.ts'

const neverAborted = new AbortController().signal

/** A row with a fence, and what was called in which order. */
class Row {
  drawn = 0
  written = 0
  readonly calls: string[] = []

  readonly draw = async () => {
    this.calls.push('draw')
    return ++this.drawn
  }

  /** Returns a `draw` after which another write is stored, so many times. */
  drawOvertaken (times: number) {
    return async () => {
      const fence = await this.draw()
      if (times-- > 0) this.written = ++this.drawn
      return fence
    }
  }

  readonly write = async (fence: Fence) => {
    this.calls.push(`write ${fence}`)
    if (this.written >= Number(fence) || this.drawn < Number(fence)) return false
    this.written = Number(fence)
    return true
  }

  run (changes: Partial<FencedWrite> = {}): Promise<boolean> {
    return fencedWrite({ signal: neverAborted, draw: this.draw, write: this.write, ...changes })
  }
}

t.test('a write that nothing overtakes -> true, after one number was drawn', async (t) => {
  const row = new Row()
  t.equal(await row.run(), true)
  t.strictSame(row.calls, ['draw', 'write 1'])
})

for (const [what, fence] of [['a number', 0], ['a string', '1767323045678901'], ['a bigint', 1767323045678901n]] as const) {
  t.test(`draw resolves to ${what} -> write gets it unchanged`, async (t) => {
    const seen: unknown[] = []
    t.equal(await fencedWrite({ signal: neverAborted, draw: () => fence, write: (fence) => { seen.push(fence); return true } }), true)
    t.strictSame(seen, [fence])
  })
}

for (const nothing of [null, undefined]) {
  t.test(`draw resolves to ${nothing} -> false, and nothing is written`, async (t) => {
    const row = new Row()
    t.equal(await row.run({ draw: () => nothing }), false)
    t.strictSame(row.calls, [])
  })
}

t.test('a write that was overtaken twice -> draws again, and true', async (t) => {
  const row = new Row()
  t.equal(await row.run({ draw: row.drawOvertaken(2) }), true)
  t.strictSame(row.calls, ['draw', 'write 1', 'draw', 'write 3', 'draw', 'write 5'])
})

t.test('a write that was overtaken 16 times, with the longest pauses -> true, within ten seconds', { timeout: 10_000 }, async (t) => {
  const { random } = Math
  t.teardown(() => { Math.random = random })
  Math.random = () => 1
  const row = new Row()
  t.equal(await row.run({ draw: row.drawOvertaken(16) }), true)
})

t.test('the row is deleted between draw and write -> false', async (t) => {
  const fences = [1, null]
  t.equal(await fencedWrite({ signal: neverAborted, draw: () => fences.shift(), write: () => false }), false)
})

t.test('the signal is aborted before -> rejects, and nothing is called', async (t) => {
  const row = new Row()
  await t.rejects(row.run({ signal: AbortSignal.abort() }), { name: 'AbortError' })
  t.strictSame(row.calls, [])
})

t.test('the signal is aborted while draw is pending -> rejects, and nothing is written', async (t) => {
  const row = new Row()
  const controller = new AbortController()
  const draw = async () => {
    controller.abort()
    return await row.draw()
  }
  await t.rejects(row.run({ signal: controller.signal, draw }), { name: 'AbortError' })
  t.strictSame(row.calls, ['draw'])
})

t.test('the signal is aborted after the write was overtaken -> rejects, and no number is drawn', async (t) => {
  const row = new Row()
  const controller = new AbortController()
  const write = (fence: Fence) => {
    row.calls.push(`write ${fence}`)
    controller.abort()
    return false
  }
  await t.rejects(row.run({ signal: controller.signal, write }), { name: 'AbortError' })
  t.strictSame(row.calls, ['draw', 'write 1'])
})

t.test('everything is said to be rolled back, and the signal is aborted -> rejects', async (t) => {
  const controller = new AbortController()
  const draw = async () => {
    controller.abort()
    return 1
  }
  await t.rejects(fencedWrite({ signal: controller.signal, draw, write: () => true, isRolledBack: () => true }), { name: 'AbortError' })
})

t.test('a statement was rolled back -> it is repeated with a new number', async (t) => {
  const deadlock = Object.assign(new Error('deadlock detected'), { code: '40P01' })
  const isDeadlock = (error: unknown) => error === deadlock
  for (const [failing, isRolledBack] of [['draw', isDeadlock], ['write', isDeadlock], ['write', async (error: unknown) => isDeadlock(error)]] as const) {
    const row = new Row()
    let failures = 0
    const run = row.run({
      isRolledBack,
      [failing]: async (fence: Fence) => {
        if (failures++ === 0) throw deadlock
        return await row[failing](fence)
      }
    })
    t.equal(await run, true, failing)
    t.equal(failures, 2, failing)
  }
})

t.test('a statement fails -> rejects with what it threw, and it is not repeated', async (t) => {
  const full = new Error('full disk')
  for (const failing of ['draw', 'write'] as const) {
    for (const isRolledBack of [undefined, async () => false]) {
      let calls = 0
      await t.rejects(new Row().run({ isRolledBack, [failing]: () => { calls++; throw full } }), full)
      t.equal(calls, 1)
    }
  }
})

const wrongFences: [value: any, got: string][] = [[{}, 'object'], [[1], 'an array'], [true, 'boolean'], [NaN, 'NaN'], [Infinity, 'number'], [new Date(0), 'a Date'], [Symbol('1'), 'symbol']]
for (const [value, got] of wrongFences) {
  t.test(`draw resolves to ${String(value)} -> an error that says what it must be, and nothing is written`, async (t) => {
    const row = new Row()
    const message = `fencedWrite: draw must resolve to a number, a bigint or a string, got ${got}. Does the row have the number?`
    await t.rejects(row.run({ draw: () => value }), { name: 'TypeError', message })
    t.strictSame(row.calls, [])
  })
}

const wrongResults: [value: any, got: string][] = [[undefined, 'undefined'], [null, 'null'], [1, 'number'], [{ rows: [] }, 'object'], ['', 'an empty string']]
for (const [value, got] of wrongResults) {
  t.test(`write resolves to ${JSON.stringify(value)} -> an error that says what it must be`, async (t) => {
    await t.rejects(new Row().run({ write: () => value }), { name: 'TypeError', message: `fencedWrite: write must resolve to true or false, got ${got}.` })
  })
}

t.test('a storage that never writes and resolves at once -> other work runs, and few statements are sent', async (t) => {
  const controller = new AbortController()
  let draws = 0
  const written = fencedWrite({ signal: controller.signal, draw: () => ++draws, write: () => false })
  let turns = 0
  const deadline = performance.now() + 300
  while (performance.now() < deadline) {
    await turn()
    turns++
  }
  controller.abort()
  await t.rejects(written, { name: 'AbortError' })
  t.ok(turns > 100, 'the event loop is free')
  t.ok(draws < 100, `${draws} numbers were drawn`)
})

t.test('50 writes at once -> all resolve to true, the last one has the greatest number', async (t) => {
  const row = new Row()
  const slow = <T>(call: (fence: Fence) => Promise<T>) => async (fence: Fence) => { await turn(); return await call(fence) }
  const results = await Promise.all(Array.from({ length: 50 }, () => row.run({ draw: slow(row.draw) as () => Promise<number>, write: slow(row.write) })))
  t.strictSame(new Set(results), new Set([true]))
  t.equal(row.calls.filter((call) => call.startsWith('write')).at(-1), `write ${row.written}`)
})
