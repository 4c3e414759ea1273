import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import type { ScimSettingsStore, ScimTokenRecord } from '../../lib/index.ts'
import { settingsConformance, storeConformance, type OpenStore, type StoreHarness } from '../../lib/stores/conformance.ts'
import { failingCases } from '../helpers/failing-cases.ts'
import { createStoreContext } from '../helpers/store-context.ts'

type Store = ScimSettingsStore<object>

const context = await createStoreContext({})

/** A correct store with the asynchrony of a database. Subclasses break one method. */
class SlowStore implements Store {
  row: { enabled: boolean, record: ScimTokenRecord | null } | null
  isFull = false

  constructor (settings: boolean) {
    this.row = settings ? { enabled: true, record: null } : null
  }

  async replace (record: ScimTokenRecord): Promise<boolean> {
    await setImmediate()
    if (this.row === null) return false
    if (this.isFull) throw new Error('the disk is full')
    this.row.record = record
    return true
  }

  async find (): Promise<ScimTokenRecord | null> {
    await setImmediate()
    return this.row?.enabled ? this.row.record : null
  }

  async getSettings () {
    await setImmediate()
    return { enabled: this.row?.enabled ?? false, hasToken: (this.row?.record ?? null) !== null }
  }

  async setEnabled (enabled: boolean): Promise<void> {
    await setImmediate()
    if (this.isFull) throw new Error('the disk is full')
    this.row = { enabled, record: this.row?.record ?? null }
  }
}

/** Opens stores of a kind. `failWrites` fills their disk. */
function harness (Kind: new (settings: boolean) => SlowStore): StoreHarness<object, SlowStore> {
  return {
    open: ({ configured }) => ({ store: new Kind(configured), context }),
    failWrites ({ store }) {
      store.isFull = true
      return () => { store.isFull = false }
    }
  }
}

t.test('a correct store -> all cases pass', async (t) => {
  t.strictSame(await failingCases(harness(SlowStore)), [])
})

// Without a second store these two run on the first one alone.
const tokenOfNode = 'replace() of another node is found at once, and the other way round'
const toggleOfNode = 'setEnabled() of another node is effective at once, and the other way round'

const found = [
  'find() returns the stored record unchanged',
  'replace() replaces the previous record',
  'replace() replaces the previous record even if its own date is earlier',
  'concurrent replace() calls leave exactly one of their records, whole',
  'replace() rejects -> the previous record is kept',
  'find() returns no record while SCIM is disabled, and the same record once it is enabled again',
  'find() returns a record stored while SCIM was disabled once it is enabled',
  'concurrent replace() and setEnabled() calls do not undo each other',
  'setEnabled() rejects -> nothing is changed',
  tokenOfNode,
  toggleOfNode
]

const broken: { what: string, Kind: new (settings: boolean) => SlowStore, cases: string[] }[] = [
  {
    what: 'that returns dates as text',
    Kind: class extends SlowStore {
      override async find () { return JSON.parse(JSON.stringify(await super.find())) }
    },
    cases: found
  },
  {
    what: 'that returns true and stores nothing',
    Kind: class extends SlowStore {
      override async replace () { return this.row !== null }
    },
    cases: [...found, 'setEnabled(true) creates the SCIM settings if there are none']
  },
  {
    what: 'that keeps the first record',
    Kind: class extends SlowStore {
      override async replace (record: ScimTokenRecord) { return await super.replace(this.row?.record ?? record) }
    },
    cases: [
      'replace() replaces the previous record',
      'replace() replaces the previous record even if its own date is earlier',
      'find() returns a record stored while SCIM was disabled once it is enabled',
      tokenOfNode
    ]
  },
  {
    what: 'that keeps the record with the latest date',
    Kind: class extends SlowStore {
      override async replace (record: ScimTokenRecord) {
        const current = this.row?.record
        return await super.replace(current && current.createdAt > record.createdAt ? current : record)
      }
    },
    cases: ['replace() replaces the previous record even if its own date is earlier']
  },
  {
    what: 'that accepts a record without SCIM settings',
    Kind: class extends SlowStore {
      override async replace (record: ScimTokenRecord) {
        this.row ??= { enabled: true, record: null }
        return await super.replace(record)
      }
    },
    cases: ['replace() without SCIM settings returns false and stores nothing']
  },
  {
    what: 'that writes hash and date one after the other',
    Kind: class extends SlowStore {
      calls = 0
      override async replace (record: ScimTokenRecord) {
        const [first, last] = this.calls++ % 2 === 0 ? ['hash', 'createdAt'] as const : ['createdAt', 'hash'] as const
        await setImmediate()
        if (this.row === null || this.isFull) return await super.replace(record)
        this.row.record = { ...(this.row.record ?? record), [first]: record[first] }
        await setImmediate()
        this.row.record = { ...this.row.record, [last]: record[last] }
        return true
      }
    },
    cases: [
      'concurrent replace() calls leave exactly one of their records, whole',
      'concurrent replace() and setEnabled() calls do not undo each other'
    ]
  },
  {
    what: 'that rejects a record if another one was stored meanwhile',
    Kind: class extends SlowStore {
      override async replace (record: ScimTokenRecord) {
        const before = this.row?.record
        await setImmediate()
        if (this.row?.record !== before) return false
        if (this.row !== null && !this.isFull) this.row.record = record
        return await super.replace(record)
      }
    },
    cases: ['concurrent replace() calls leave exactly one of their records, whole']
  },
  {
    what: 'that reads the settings, and writes them back with the record',
    Kind: class extends SlowStore {
      override async replace (record: ScimTokenRecord) {
        const row = this.row
        await setImmediate()
        if (!await super.replace(record)) return false
        this.row = row && { ...row, record }
        return true
      }
    },
    cases: ['concurrent replace() and setEnabled() calls do not undo each other']
  },
  {
    what: 'that deletes the old record before it writes the new one',
    Kind: class extends SlowStore {
      override async replace (record: ScimTokenRecord) {
        if (this.row !== null) this.row.record = null
        return await super.replace(record)
      }
    },
    cases: ['replace() rejects -> the previous record is kept']
  },
  {
    what: 'that hides failed writes',
    Kind: class extends SlowStore {
      override async replace (record: ScimTokenRecord) { return await super.replace(record).catch(() => true) }
      override async setEnabled (enabled: boolean) { await super.setEnabled(enabled).catch(() => {}) }
    },
    cases: ['replace() rejects -> the previous record is kept', 'setEnabled() rejects -> nothing is changed']
  },
  {
    what: 'that finds the record while SCIM is disabled',
    Kind: class extends SlowStore {
      override async find () { return this.row?.record ?? null }
    },
    cases: ['find() returns no record while SCIM is disabled, and the same record once it is enabled again', 'find() returns a record stored while SCIM was disabled once it is enabled', toggleOfNode]
  },
  {
    what: 'that deletes the record when SCIM is disabled',
    Kind: class extends SlowStore {
      override async setEnabled (enabled: boolean) {
        await super.setEnabled(enabled)
        if (!enabled && this.row !== null) this.row.record = null
      }
    },
    cases: [
      'find() returns no record while SCIM is disabled, and the same record once it is enabled again',
      'concurrent replace() and setEnabled() calls do not undo each other',
      toggleOfNode
    ]
  },
  {
    what: 'that stores no record while SCIM is disabled',
    Kind: class extends SlowStore {
      override async replace (record: ScimTokenRecord) { return this.row?.enabled === true && await super.replace(record) }
    },
    cases: [
      'setEnabled(false) creates the SCIM settings if there are none',
      'find() returns a record stored while SCIM was disabled once it is enabled'
    ]
  },
  {
    what: 'that ignores setEnabled without SCIM settings',
    Kind: class extends SlowStore {
      override async setEnabled (enabled: boolean) { if (this.row !== null) await super.setEnabled(enabled) }
    },
    cases: [
      'setEnabled(true) creates the SCIM settings if there are none',
      'setEnabled(false) creates the SCIM settings if there are none'
    ]
  },
  {
    what: 'that reports hasToken: false while SCIM is disabled',
    Kind: class extends SlowStore {
      override async getSettings () { return { enabled: this.row?.enabled ?? false, hasToken: await this.find() !== null } }
    },
    cases: [
      'find() returns no record while SCIM is disabled, and the same record once it is enabled again',
      'concurrent replace() and setEnabled() calls do not undo each other',
      toggleOfNode
    ]
  },
  {
    what: 'that changes the switch before a write that fails',
    Kind: class extends SlowStore {
      override async setEnabled (enabled: boolean) {
        if (this.row !== null) this.row.enabled = enabled
        await super.setEnabled(enabled)
      }
    },
    cases: ['setEnabled() rejects -> nothing is changed']
  },
  {
    what: 'that finds nothing',
    Kind: class extends SlowStore {
      override async find () { return null }
    },
    cases: found
  },
  {
    what: 'that also finds earlier records',
    Kind: class extends SlowStore {
      readonly records: ScimTokenRecord[] = []
      override async replace (record: ScimTokenRecord) {
        this.records.push(record)
        return await super.replace(record)
      }

      override async find () {
        const record = await super.find()
        if (record === null || this.records.length < 3) return record
        return this.records.shift() ?? null
      }
    },
    cases: ['concurrent replace() calls leave exactly one of their records, whole', tokenOfNode]
  },
  {
    what: 'that reports enabled: true without SCIM settings',
    Kind: class extends SlowStore {
      override async getSettings () { return this.row === null ? { enabled: true, hasToken: false } : await super.getSettings() }
    },
    cases: ['getSettings() without SCIM settings returns disabled and without a token']
  },
  {
    what: 'that starts with a record',
    Kind: class extends SlowStore {
      override async find () { return await super.find() ?? (this.row?.enabled ? { hash: '', createdAt: new Date() } : null) }
    },
    cases: ['find() without a record returns null or undefined']
  },
  {
    what: 'that finds a record before one is stored',
    Kind: class extends SlowStore {
      override async find () { return await super.find() ?? { hash: '', createdAt: new Date() } }
    },
    cases: [
      'find() without a record returns null or undefined',
      'replace() without SCIM settings returns false and stores nothing',
      'find() returns no record while SCIM is disabled, and the same record once it is enabled again',
      'find() returns a record stored while SCIM was disabled once it is enabled',
      toggleOfNode
    ]
  }
]

for (const { what, Kind, cases } of broken) {
  t.test(`a store ${what} -> exactly the cases about it fail`, async (t) => {
    t.strictSame((await failingCases(harness(Kind))).sort(), cases.sort())
  })
}

t.test('the clock ticks between two records -> a store that mixes them fails nevertheless', async (t) => {
  let now = 0
  const clock = mock.method(Date, 'now', () => now++)
  t.teardown(() => { clock.mock.restore() })
  const { Kind, cases } = broken.find(({ what }) => what === 'that writes hash and date one after the other')!
  t.strictSame((await failingCases(harness(Kind))).sort(), cases.sort())
})

t.test('a harness without failWrites -> no cases about failed writes', async (t) => {
  const harness: StoreHarness<object, SlowStore> = { open: ({ configured }) => ({ store: new SlowStore(configured), context }) }
  const names = [...storeConformance(harness), ...settingsConformance(harness)].map(({ name }) => name)
  t.notMatch(names.join(), 'reject')
})

t.test('a case passes or fails -> its store is closed', async (t) => {
  let [opened, closed] = [0, 0]
  const cases = storeConformance({
    open () {
      opened++
      return { store: { replace: () => true, find: () => null }, context, close: async () => { closed++ } }
    }
  })
  const results = await Promise.allSettled(cases.map(({ run }) => run()))
  t.strictSame([...new Set(results.map(({ status }) => status))].sort(), ['fulfilled', 'rejected'])
  t.equal(closed, opened)
})

t.test('a case about failed writes passes or fails -> the store is repaired', async (t) => {
  for (const Kind of [SlowStore, class extends SlowStore { override async replace () { return true } }]) {
    let [failing, repaired] = [0, 0]
    const harness: StoreHarness<object, SlowStore> = {
      open: ({ configured }) => ({ store: new Kind(configured), context }),
      failWrites ({ store }) {
        failing++
        store.isFull = true
        return () => { repaired++ }
      }
    }
    await Promise.allSettled([...storeConformance(harness), ...settingsConformance(harness)].map(({ run }) => run()))
    t.strictSame([failing, repaired], [2, 2])
  }
})

t.test('the harness is a class instance -> all cases pass', async (t) => {
  class Harness implements StoreHarness<object, SlowStore> {
    readonly #context = context
    open ({ configured }: { configured: boolean }) { return { store: new SlowStore(configured), context: this.#context } }
    failWrites ({ store }: OpenStore<object, SlowStore>) {
      store.isFull = this.#context !== undefined
      return () => { store.isFull = false }
    }
  }
  for (const { run } of storeConformance(new Harness())) await t.resolves(run())
})
