import t from 'tap'
import type { ScimRequestContext, ScimSettingsStore, ScimTokenRecord, ScimTokenStore, ScimWriteContext } from '../../lib/index.ts'
import { fencedWrite } from '../../lib/stores/fenced-write.ts'
import { storeConformance, settingsConformance, type HeldWrite, type OpenStore, type StoreHarness } from '../../lib/stores/conformance.ts'
import { failingCases } from '../helpers/failing-cases.ts'
import { holdable } from '../helpers/hold-statements.ts'
import { createStoreContext } from '../helpers/store-context.ts'

type Context = ScimWriteContext<object>

interface Row { enabled: boolean, record: ScimTokenRecord | null, fence: number, written: number }

const context = await createStoreContext({})

/** A store with a fence over a database of one row, made to be broken in one place. */
class FencedStore implements ScimSettingsStore<object> {
  row: Row | null
  /** Counts and holds back statements; what they do is in the store. */
  readonly db = holdable({ query: async () => ({ rows: [] }) })

  constructor (configured: boolean) {
    this.row = configured ? this.newRow(true) : null
  }

  newRow (enabled: boolean): Row {
    return { enabled, record: null, fence: 0, written: 0 }
  }

  async statement<T> (run: () => T): Promise<T> {
    await this.db.query('', [])
    return run()
  }

  async replace (record: ScimTokenRecord, { signal }: Context): Promise<boolean> {
    return await fencedWrite({
      signal,
      draw: () => this.statement(() => this.draw()),
      write: (fence) => this.statement(() => this.write(Number(fence), { record }))
    })
  }

  async setEnabled (enabled: boolean, { signal }: Context): Promise<void> {
    await fencedWrite({
      signal,
      draw: () => this.statement(() => this.create() ?? this.draw()),
      write: (fence) => this.statement(() => this.write(Number(fence), { enabled }))
    })
  }

  draw (): number | null {
    return this.row === null ? null : ++this.row.fence
  }

  create (): number | null {
    this.row ??= this.newRow(false)
    return null
  }

  write (fence: number, change: Partial<Row>): boolean {
    if (this.row === null || this.row.written >= fence || this.row.fence < fence) return false
    Object.assign(this.row, change, { written: fence })
    return true
  }

  async find (_context: ScimRequestContext): Promise<ScimTokenRecord | null> {
    return this.row?.enabled ? this.row.record : null
  }

  async getSettings () {
    return { enabled: this.row?.enabled ?? false, hasToken: (this.row?.record ?? null) !== null }
  }
}

type Kind = new (settings: boolean) => FencedStore

const harness = (Store: Kind): StoreHarness<object, FencedStore> => ({
  open: ({ configured }) => ({ store: new Store(configured), context: { request: context.request, user: context.user } }),
  holdWrite: ({ store }, statement) => store.db.hold(statement === 'first' ? 1 : 2)
})

t.test('a store with a fence -> it passes', async (t) => {
  t.strictSame(await failingCases(harness(FencedStore)), [])
})

const token = (statement: string) => `replace() that was given up before its ${statement} statement does not invalidate a later record`
const toggle = (statement: string) => `setEnabled() that was given up before its ${statement} statement does not undo a later one`
const creation = (statement: string) => `${toggle(statement)} that created the SCIM settings`
const toggleAfterToken = (statement: string) => `setEnabled() that was given up before its ${statement} statement has no effect after a later replace()`
const tokenAfterToggle = (statement: string) => `replace() that was given up before its ${statement} statement has no effect after a later setEnabled()`

const tokenOvertaken = 'replace() that was overtaken up to five times and then given up does not invalidate a later record'
const toggleOvertaken = 'setEnabled() that was overtaken up to five times and then given up does not undo a later one'

const everyCase = ['first', 'last'].flatMap((statement) => [token, toggle, creation, toggleAfterToken, tokenAfterToggle].map((name) => name(statement)))

const broken: Record<string, { Store: Kind, cases: string[] }> = {
  'that checks the signal and has no fence': {
    Store: class extends FencedStore {
      override write (_fence: number, change: Partial<Row>) {
        Object.assign(this.row ?? {}, change)
        return true
      }
    },
    cases: [token, toggle, creation, toggleAfterToken, tokenAfterToggle].map((name) => name('last'))
  },
  'that fences each kind of write by a number of its own': {
    Store: class extends FencedStore {
      readonly writtenOf = new Map<string, number>()
      override write (fence: number, change: Partial<Row>) {
        const kind = Object.keys(change).join()
        if (this.row === null || (this.writtenOf.get(kind) ?? 0) >= fence) return false
        this.writtenOf.set(kind, fence)
        Object.assign(this.row, change)
        return true
      }
    },
    cases: [toggleAfterToken('last'), tokenAfterToggle('last')]
  },
  'that has a fence and ignores the signal': {
    Store: class extends FencedStore {
      override async replace (record: ScimTokenRecord, context: Context) { return await super.replace(record, neverGivenUp(context)) }
      override async setEnabled (enabled: boolean, context: Context) { await super.setEnabled(enabled, neverGivenUp(context)) }
    },
    cases: [...everyCase, tokenOvertaken, toggleOvertaken]
  },
  'that creates the SCIM settings over those that are there': {
    Store: class extends FencedStore {
      override create () {
        this.row = this.newRow(false)
        return null
      }
    },
    cases: [
      'concurrent replace() and setEnabled() calls do not undo each other',
      'find() returns a record stored while SCIM was disabled once it is enabled',
      'find() returns no record while SCIM is disabled, and the same record once it is enabled again',
      'setEnabled() of another node is effective at once, and the other way round',
      toggle('first'), toggle('last'), toggleAfterToken('first'), tokenAfterToggle('first'), tokenAfterToggle('last')
    ]
  }
}

function neverGivenUp (context: Context): Context {
  return { ...context, signal: new AbortController().signal }
}

for (const [what, { Store, cases }] of Object.entries(broken)) {
  t.test(`a store ${what} -> its cases fail`, async (t) => {
    t.strictSame((await failingCases(harness(Store))).sort(), cases.sort())
  })
}

t.test('a store of one statement without a fence -> all cases of writes that were given up fail', async (t) => {
  class OneStatement extends FencedStore {
    override async replace (record: ScimTokenRecord) {
      return await this.statement(() => {
        if (this.row === null) return false
        this.row.record = record
        return true
      })
    }

    override async setEnabled (enabled: boolean) {
      await this.statement(() => { this.row = { ...(this.row ?? this.newRow(enabled)), enabled } })
    }
  }
  const { open } = harness(OneStatement)
  const failed = await failingCases({ open, holdWrite: ({ store }) => store.db.hold(1) })
  t.strictSame(failed.sort(), everyCase.sort())
})

t.test('a harness that holds nothing back -> its cases fail, and the write is released', async (t) => {
  let released = 0
  const { open } = harness(FencedStore)
  const holdWrite = (): HeldWrite => ({ held: new Promise(() => {}), release: () => { released++ } })
  const messages: Record<string, string> = {}
  for (const { name, run } of [...storeConformance({ open, holdWrite }), ...settingsConformance({ open, holdWrite })]) {
    await run().catch(({ message }: Error) => { messages[name] = message })
  }
  const notHeld = (name: string) => `the write was not held back before its ${name.includes('first statement') ? 'first' : 'last'} statement`
  const cases = [...everyCase, tokenOvertaken, toggleOvertaken, 'replace() that was overtaken is stored, or rejects']
  t.same(messages, Object.fromEntries(cases.map((name) => [name, notHeld(name)])))
  t.equal(released, cases.length)
})

t.test('a write rejects before it is held back -> the case fails and has its error', async (t) => {
  class NotConnected extends FencedStore {
    override async replace (): Promise<never> { throw new Error('not connected') }
  }
  const { run } = storeConformance(harness(NotConnected)).find(({ name }) => name === token('first'))!
  await t.rejects(run(), { code: 'ERR_ASSERTION', actual: { message: 'not connected' } })
})

t.test('a store whose later write fails -> the write that is held back is released', async (t) => {
  class FailsSecond extends FencedStore {
    calls = 0
    override async replace (record: ScimTokenRecord, context: Context) {
      return ++this.calls % 2 === 1 && await super.replace(record, context)
    }
  }
  const { open, holdWrite } = harness(FailsSecond)
  const names: string[] = []
  let [held, released] = [0, 0]
  const cases = storeConformance<object, FencedStore>({
    open,
    async holdWrite (opened, statement) {
      const write = await holdWrite!(opened, statement)
      held++
      return { ...write, release: async () => { released++; await write.release() } }
    }
  })
  for (const { name, run } of cases) await run().catch(() => { names.push(name) })
  t.match(names, new Set([token('first'), token('last')]))
  t.strictSame([held, released], [4, 4])
})

t.test('a harness without holdWrite and disable -> it has no cases of theirs', async (t) => {
  const { open } = harness(FencedStore)
  const names = [...storeConformance({ open }), ...settingsConformance({ open })].map(({ name }) => name)
  t.notMatch(names.join(), /given up|once SCIM was disabled/)
})

const disabledCase = 'find() returns null or undefined once SCIM was disabled'

for (const [what, { ignores, fails }] of Object.entries({
  'that returns no record while SCIM is disabled': { ignores: false, fails: [] },
  'that returns the record while SCIM is disabled': { ignores: true, fails: [disabledCase] }
})) {
  t.test(`a store ${what}, without setEnabled -> ${fails.length} cases fail`, async (t) => {
    const open = ({ configured }: { configured: boolean }) => {
      const db = new FencedStore(configured)
      const store: ScimTokenStore<object> = {
        replace: (record, context) => db.replace(record, context),
        find: (context) => ignores ? db.row?.record ?? null : db.find(context)
      }
      return { db, store, context }
    }
    const databases = new Map<object, FencedStore>()
    const failed: string[] = []
    const cases = storeConformance<object>({
      open (setup) {
        const { db, ...opened } = open(setup)
        databases.set(opened.store, db)
        return opened
      },
      disable: ({ store }: OpenStore<object>) => { databases.get(store)!.row!.enabled = false }
    })
    t.ok(cases.some(({ name }) => name === disabledCase))
    for (const { name, run } of cases) await run().catch(() => { failed.push(name) })
    t.strictSame(failed, fails)
  })
}
