import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import type { ScimSettingsStore, ScimTokenRecord, ScimWriteContext } from '../../lib/index.ts'
import { fencedWrite } from '../../lib/stores/fenced-write.ts'
import { storeConformance, type StoreHarness } from '../../lib/stores/conformance.ts'
import { failingCases } from '../helpers/failing-cases.ts'
import { holdable, type HoldableQueryable } from '../helpers/hold-statements.ts'
import { createStoreContext } from '../helpers/store-context.ts'

type Context = ScimWriteContext<object>
interface Row { enabled: boolean, record: ScimTokenRecord | null, fence: number, written: number }
type Change = Partial<Pick<Row, 'enabled' | 'record'>>

const context = await createStoreContext({})

/** A database of one row, which several nodes share. */
class Storage {
  row: Row | null
  isFull = false
  lock: Promise<void> = Promise.resolve()
  readonly db: HoldableQueryable = holdable({ query: async () => ({ rows: [] }) })

  constructor (configured: boolean) {
    this.row = configured ? this.newRow(true) : null
  }

  newRow (enabled: boolean): Row {
    return { enabled, record: null, fence: 0, written: 0 }
  }

  async run<T> (statement: () => T): Promise<T> {
    await this.db.query('', [])
    return statement()
  }
}

/** A correct store of one node. Each subclass is wrong in one place. */
class NodeStore implements ScimSettingsStore<object> {
  readonly storage: Storage

  constructor (storage: Storage) {
    this.storage = storage
  }

  get row () { return this.storage.row }

  async replace (record: ScimTokenRecord, context: Context): Promise<boolean> {
    return await this.write({ record }, context)
  }

  async setEnabled (enabled: boolean, context: Context): Promise<void> {
    await this.write({ enabled }, context)
  }

  async write (change: Change, { signal }: Context): Promise<boolean> {
    return await fencedWrite({
      signal,
      draw: () => this.storage.run(() => this.draw(change)),
      write: (fence) => this.storage.run(() => this.store(Number(fence), change))
    })
  }

  draw (change: Change): number | null {
    if (change.enabled !== undefined) this.storage.row ??= this.storage.newRow(false)
    return this.row === null ? null : ++this.row.fence
  }

  isCurrent (fence: number, _change: Change): boolean {
    return this.row !== null && this.row.written < fence && this.row.fence >= fence
  }

  store (fence: number, change: Change): boolean {
    if (this.storage.isFull) throw new Error('the disk is full')
    if (!this.isCurrent(fence, change)) return false
    Object.assign(this.row!, change, { written: fence })
    return true
  }

  async find (): Promise<ScimTokenRecord | null> {
    return await this.storage.run(() => this.row?.enabled ? this.row.record : null)
  }

  async getSettings () {
    return await this.storage.run(() => ({ enabled: this.row?.enabled ?? false, hasToken: (this.row?.record ?? null) !== null }))
  }
}

type Kind = new (storage: Storage) => NodeStore

const harness = (Node: Kind): StoreHarness<object, NodeStore> => ({
  open ({ configured }) {
    const storage = new Storage(configured)
    return { store: new Node(storage), other: new Node(storage), context: { request: context.request, user: context.user } }
  },
  failWrites ({ store: { storage } }) {
    storage.isFull = true
    return () => { storage.isFull = false }
  },
  holdWrite: ({ store: { storage } }, statement) => storage.db.hold(statement === 'first' ? 1 : 2)
})

t.test('a correct store on two nodes -> it passes', async (t) => {
  t.strictSame(await failingCases(harness(NodeStore)), [])
})

t.test('a store rejects a write that was overtaken -> it passes', async (t) => {
  class Rejecting extends NodeStore {
    override store (fence: number, change: Change) {
      if (this.row !== null && this.row.written > fence) throw new Error('overtaken')
      return super.store(fence, change)
    }
  }
  t.strictSame(await failingCases(harness(Rejecting)), [])
})

class Counting extends NodeStore {
  counter = 0
  override draw (change: Change) { return super.draw(change) && ++this.counter }
  override isCurrent (fence: number) { return this.row !== null && this.row.written < fence }
}

class Caching extends NodeStore {
  cached: ScimTokenRecord | null | undefined
  override async find () {
    this.cached ??= await super.find()
    return this.cached
  }

  override async write (change: Change, context: Context) {
    try {
      return await super.write(change, context)
    } finally {
      this.cached = undefined
    }
  }
}

class Locking extends NodeStore {
  override async write (change: Change, context: Context) {
    const before = this.storage.lock
    const written = before.then(async () => await super.write(change, context))
    this.storage.lock = written.then(() => {}, () => {})
    return await written
  }
}

class Tiring extends NodeStore {
  override async write (change: Change, { signal }: Context) {
    let attempts = 0
    return await fencedWrite({
      signal,
      draw: () => this.storage.run(() => this.draw(change)),
      write: (fence) => this.storage.run(() => ++attempts > 4 ? Boolean(Object.assign(this.row!, change)) : this.store(Number(fence), change))
    })
  }
}

const wrong: Record<string, { Node: Kind, failing: string }> = {
  'fences only enabling': {
    Node: class extends NodeStore { override isCurrent (fence: number, change: Change) { return change.enabled !== true || super.isCurrent(fence, change) } },
    failing: 'replace() that was given up before its last statement does not invalidate a later record'
  },
  'fences all but disabling': {
    Node: class extends NodeStore { override isCurrent (fence: number, change: Change) { return change.enabled === false || super.isCurrent(fence, change) } },
    failing: 'setEnabled() that was given up before its last statement does not undo a later one'
  },
  'fences all but enabling': {
    Node: class extends NodeStore { override isCurrent (fence: number, change: Change) { return change.enabled === true || super.isCurrent(fence, change) } },
    failing: 'setEnabled() that was given up before its last statement does not undo a later one'
  },
  'returns true although an overtaken write has changed no row': {
    Node: class extends NodeStore { override store (fence: number, change: Change) { return super.store(fence, change) || true } },
    failing: 'replace() that was overtaken is stored, or rejects'
  },
  'counts the numbers in the memory of its process': { Node: Counting, failing: 'replace() that was given up before its last statement, on a node whose earlier writes failed, does not invalidate a later record' },
  'keeps the record in memory until it writes itself': { Node: Caching, failing: 'replace() of another node is found at once, and the other way round' },
  'keeps the record in memory until another one is generated': {
    Node: class extends Caching { override async setEnabled (enabled: boolean, context: Context) { await NodeStore.prototype.write.call(this, { enabled }, context) } },
    failing: 'replace() of another node is found at once, and the other way round'
  },
  'keeps the settings in memory': {
    Node: class extends NodeStore {
      settings: { enabled: boolean, hasToken: boolean } | undefined
      override async getSettings () {
        this.settings ??= await super.getSettings()
        return this.settings
      }

      override async write (change: Change, context: Context) {
        this.settings = undefined
        return await super.write(change, context)
      }
    },
    failing: 'setEnabled() of another node is effective at once, and the other way round'
  },
  'inserts the settings without a fence': {
    Node: class extends NodeStore {
      override async setEnabled (enabled: boolean, context: Context) {
        if (await this.storage.run(() => this.row !== null)) return await super.setEnabled(enabled, context)
        context.signal.throwIfAborted()
        await this.storage.run(() => { this.storage.row = { ...this.row ?? this.storage.newRow(enabled), enabled } })
      }
    },
    failing: 'setEnabled() that was given up before its last statement does not undo a later one that created the SCIM settings'
  },
  'writes a record without a fence after four attempts': {
    Node: Tiring,
    failing: 'replace() that was overtaken up to five times and then given up does not invalidate a later record'
  },
  'enables without a fence after four attempts': {
    Node: Tiring,
    failing: 'setEnabled() that was overtaken up to five times and then given up does not undo a later one'
  },
  'sets the numbers back when SCIM is disabled': {
    Node: class extends NodeStore {
      override store (fence: number, change: Change) {
        const isStored = super.store(fence, change)
        if (isStored && change.enabled === false) Object.assign(this.row!, { written: 0 })
        return isStored
      }
    },
    failing: 'setEnabled() that was given up before its last statement does not undo a later one'
  },
  'does not fence the first record': {
    Node: class extends NodeStore { override isCurrent (fence: number, change: Change) { return this.row?.written === 0 || super.isCurrent(fence, change) || (change.record !== undefined && this.row?.enabled === true && fence === 1) } },
    failing: 'replace() that was given up before its last statement does not invalidate a later record'
  },
  'does not check the signal between draw and write': {
    Node: class extends NodeStore { override async write (change: Change, context: Context) { return await super.write(change, { ...context, signal: new AbortController().signal }) } },
    failing: 'replace() that was given up before its first statement does not invalidate a later record'
  },
  'resolves before the write is stored': {
    Node: class extends NodeStore {
      override async replace (record: ScimTokenRecord, context: Context) {
        const isConfigured = this.row !== null
        setTimeout(20).then(() => super.replace(record, context)).catch(() => {})
        return isConfigured
      }
    },
    failing: 'replace() replaces the previous record'
  },
  'keeps dates in seconds': {
    Node: class extends NodeStore {
      override async replace ({ hash, createdAt }: ScimTokenRecord, context: Context) {
        return await super.replace({ hash, createdAt: new Date(Math.floor(createdAt.getTime() / 1000) * 1000) }, context)
      }
    },
    failing: 'find() returns the stored record unchanged'
  }
}

for (const [what, { Node, failing }] of Object.entries(wrong)) {
  t.test(`a store that ${what} -> the case about it fails`, async (t) => {
    const failed = await failingCases(harness(Node))
    t.ok(failed.includes(failing), JSON.stringify(failed))
  })
}

t.test('a store that holds a lock from its first statement until it has written -> the case fails in seconds and says so', async (t) => {
  const { run } = storeConformance(harness(Locking)).find(({ name }) => name === 'replace() that was given up before its last statement does not invalidate a later record')!
  await t.rejects(run(), { message: /a write waits for 2000 ms for one that is held back: a write must not hold a lock between its statements/ })
})

t.test('a store that numbers its writes by the clock of its node -> no case finds it, and the documentation says so', async (t) => {
  class Clock extends Counting { override draw (change: Change) { return super.draw(change) && Number(process.hrtime.bigint()) } }
  t.strictSame(await failingCases(harness(Clock)), [])
})
