import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { Awaitable, ScimSettingsStore, ScimTokenContext, ScimTokenRecord, ScimTokenStore, ScimUser, ScimWriteContext } from './contracts.ts'

/** A store over storage that no other case uses. */
export interface OpenStore<User extends object = ScimUser, Store = ScimTokenStore<User>> {
  /** The store under test. */
  store: Store
  /** Passed to every call of the store; writes get a `signal` too. */
  context: ScimTokenContext<User>
  /** Called at the end of the case. */
  close?: () => Awaitable<void>
}

/** Creates the stores for the cases. */
export interface StoreHarness<User extends object = ScimUser, Store = ScimTokenStore<User>> {
  /** Opens a store over fresh storage. If `settings`, it has SCIM settings: enabled, and without a token. */
  open (setup: { settings: boolean }): Awaitable<OpenStore<User, Store>>

  /**
   * Makes every write of this store fail midway, as a full disk or a violated constraint does, until
   * the returned function is called. Omit it if writes cannot fail: its cases are then omitted too.
   */
  failWrites? (opened: OpenStore<User, Store>): Awaitable<() => Awaitable<void>>

  /**
   * Holds back one statement of the next write of this store, as a slow network or a busy pool does:
   * its first or its last, which are the same if a write is one statement. All other statements must
   * go through. Without it the cases of writes that were given up are omitted.
   */
  holdWrite? (opened: OpenStore<User, Store>, statement: 'first' | 'last'): Awaitable<HeldWrite>

  /**
   * Disables SCIM as the host does. Without it the case that `find` then returns `null` is omitted;
   * for a store with `setEnabled` it is among those of {@link settingsConformance}.
   */
  disable? (opened: OpenStore<User, Store>): Awaitable<void>
}

/** A write of which a statement is held back. */
export interface HeldWrite {
  /** Resolves once the statement has been held back. */
  held: Promise<void>
  /** Sends the statement to the database, late. */
  release: () => Awaitable<void>
}

/** A condition of the store contract as a test case. */
export interface StoreCase {
  /** The condition. */
  name: string
  /** Tests it over fresh storage; rejects with an AssertionError if the store violates it. */
  run: () => Promise<void>
}

/**
 * Returns the conditions of {@link ScimTokenStore} as test cases for any test runner:
 *
 * ```ts
 * for (const { name, run } of storeConformance({ open })) test(name, run)
 * ```
 */
export function storeConformance<User extends object = ScimUser, Store extends ScimTokenStore<User> = ScimTokenStore<User>> (
  harness: StoreHarness<User, Store>
): StoreCase[] {
  const onStore = createCase(harness)
  return [
    onStore('find() without a record returns null', { settings: true }, async ({ store, context }) => {
      assert.equal(await store.find(context), null)
    }),

    onStore('find() returns the stored record unchanged', { settings: true }, async ({ store, context }) => {
      const record = newRecord()
      assert.equal(await store.replace(record, context), true)
      assert.deepEqual(await store.find(context), record)
    }),

    onStore('replace() replaces the previous record', { settings: true }, async ({ store, context }) => {
      const [first, second] = [newRecord(), newRecord()]
      await store.replace(first, context)
      assert.equal(await store.replace(second, context), true)
      assert.deepEqual(await store.find(context), second)
    }),

    onStore('replace() replaces the previous record even if its own date is earlier', { settings: true }, async ({ store, context }) => {
      const hourAgo = { ...newRecord(), createdAt: new Date(Date.now() - 3_600_000) }
      await store.replace(newRecord(), context)
      assert.equal(await store.replace(hourAgo, context), true)
      assert.deepEqual(await store.find(context), hourAgo)
    }),

    onStore('replace() without SCIM settings returns false and stores nothing', { settings: false }, async ({ store, context }) => {
      assert.equal(await store.replace(newRecord(), context), false)
      assert.equal(await store.find(context), null)
    }),

    onStore('concurrent replace() calls leave exactly one of their records, whole', { settings: true }, async ({ store, context }) => {
      const records = newRecords(50)
      const results = await Promise.all(records.map((record) => store.replace(record, context)))
      assert.deepEqual(new Set(results), new Set([true]))

      const found = await store.find(context)
      assert.deepEqual(found, records.find(({ hash }) => hash === found?.hash))
      assert.deepEqual(await store.find(context), found)
    }),

    ...failingWrites(harness, 'replace() rejects -> the previous record is kept', async ({ store, context }, expectFailure) => {
      const record = newRecord()
      await store.replace(record, context)
      await expectFailure(async () => await store.replace(newRecord(), context))
      assert.deepEqual(await store.find(context), record)
    }),

    ...heldWrites(harness, 'replace() that was given up before its {} statement does not invalidate a later record', { settings: true }, async ({ store, context }, giveUp) => {
      const record = newRecord()
      await giveUp(
        (signal) => store.replace(newRecord(), { ...context, signal }),
        async () => { assert.equal(await store.replace(record, context), true) }
      )
      assert.deepEqual(await store.find(context), record)
    }),

    ...disabling(harness, 'find() returns null once SCIM was disabled', async ({ store, context }, disable) => {
      await store.replace(newRecord(), context)
      await disable()
      assert.equal(await store.find(context), null)
    })
  ]
}

/** Returns the further conditions of a {@link ScimSettingsStore}, for the option `settings: true`. */
export function settingsConformance<User extends object = ScimUser> (
  harness: StoreHarness<User, ScimSettingsStore<User>>
): StoreCase[] {
  const onStore = createCase(harness)
  return [
    onStore('getSettings() without SCIM settings returns disabled and without a token', { settings: false }, async ({ store, context }) => {
      assert.deepEqual(await store.getSettings(context), { enabled: false, hasToken: false })
    }),

    onStore('setEnabled(true) creates the SCIM settings if there are none', { settings: false }, async ({ store, context }) => {
      await store.setEnabled(true, context)
      assert.deepEqual(await store.getSettings(context), { enabled: true, hasToken: false })
      assert.equal(await store.replace(newRecord(), context), true)
      assert.deepEqual(await store.getSettings(context), { enabled: true, hasToken: true })
    }),

    onStore('setEnabled(false) creates the SCIM settings if there are none', { settings: false }, async ({ store, context }) => {
      await store.setEnabled(false, context)
      assert.deepEqual(await store.getSettings(context), { enabled: false, hasToken: false })
      assert.equal(await store.replace(newRecord(), context), true)
    }),

    onStore('find() returns null while SCIM is disabled, and the same record once it is enabled again', { settings: true }, async ({ store, context }) => {
      const record = newRecord()
      await store.replace(record, context)

      await store.setEnabled(false, context)
      assert.equal(await store.find(context), null)
      assert.deepEqual(await store.getSettings(context), { enabled: false, hasToken: true })

      await store.setEnabled(true, context)
      assert.deepEqual(await store.find(context), record)
    }),

    onStore('find() returns a record stored while SCIM was disabled once it is enabled', { settings: true }, async ({ store, context }) => {
      await store.replace(newRecord(), context)
      await store.setEnabled(false, context)
      const record = newRecord()
      assert.equal(await store.replace(record, context), true)
      assert.equal(await store.find(context), null)

      await store.setEnabled(true, context)
      assert.deepEqual(await store.find(context), record)
    }),

    onStore('concurrent replace() and setEnabled() calls do not undo each other', { settings: true }, async ({ store, context }) => {
      const records = newRecords(25)
      await Promise.all(records.flatMap((record) => [store.replace(record, context), store.setEnabled(false, context)]))
      assert.deepEqual(await store.getSettings(context), { enabled: false, hasToken: true })

      await store.setEnabled(true, context)
      const found = await store.find(context)
      assert.deepEqual(found, records.find(({ hash }) => hash === found?.hash))
    }),

    ...failingWrites(harness, 'setEnabled() rejects -> nothing is changed', async ({ store, context }, expectFailure) => {
      const record = newRecord()
      await store.replace(record, context)
      await expectFailure(async () => await store.setEnabled(false, context))
      assert.deepEqual(await store.find(context), record)
    }),

    ...heldWrites(harness, 'setEnabled() that was given up before its {} statement does not undo a later one', { settings: true }, async ({ store, context }, giveUp) => {
      await store.replace(newRecord(), context)
      await giveUp(
        (signal) => store.setEnabled(true, { ...context, signal }),
        () => store.setEnabled(false, context)
      )
      assert.equal(await store.find(context), null)
      assert.deepEqual(await store.getSettings(context), { enabled: false, hasToken: true })
    }),

    ...heldWrites(harness, 'setEnabled() that was given up before its {} statement does not undo a later one that created the SCIM settings', { settings: false }, async ({ store, context }, giveUp) => {
      await giveUp(
        (signal) => store.setEnabled(true, { ...context, signal }),
        () => store.setEnabled(false, context)
      )
      assert.deepEqual(await store.getSettings(context), { enabled: false, hasToken: false })
    })
  ]
}

/** A store while a case runs; `opened` is what the harness knows it by. */
interface CaseStore<User extends object, Store> {
  store: Store
  context: ScimWriteContext<User>
  opened: OpenStore<User, Store>
}

function createCase<User extends object, Store> (harness: StoreHarness<User, Store>) {
  return (name: string, setup: { settings: boolean }, check: (caseStore: CaseStore<User, Store>) => Promise<void>): StoreCase => ({
    name,
    async run () {
      const opened = await harness.open(setup)
      const { store, context } = opened
      try {
        await check({ store, context: { ...context, signal: new AbortController().signal }, opened })
      } finally {
        await opened.close?.()
      }
    }
  })
}

function failingWrites<User extends object, Store> (
  harness: StoreHarness<User, Store>,
  name: string,
  check: (caseStore: CaseStore<User, Store>, expectFailure: (write: () => Promise<unknown>) => Promise<void>) => Promise<void>
): StoreCase[] {
  const failWrites = harness.failWrites?.bind(harness)
  if (failWrites === undefined) return []
  return [createCase(harness)(name, { settings: true }, async (caseStore) => {
    await check(caseStore, async (write) => {
      const restoreWrites = await failWrites(caseStore.opened)
      try {
        await assert.rejects(write)
      } finally {
        await restoreWrites()
      }
    })
  })]
}

/** Gives a write up while it is held back, and lets it go on after a later one. */
type GiveUp = (write: (signal: AbortSignal) => Awaitable<unknown>, later: () => Awaitable<void>) => Promise<void>

function heldWrites<User extends object, Store> (
  harness: StoreHarness<User, Store>,
  name: string,
  setup: { settings: boolean },
  check: (caseStore: CaseStore<User, Store>, giveUp: GiveUp) => Promise<void>
): StoreCase[] {
  const holdWrite = harness.holdWrite?.bind(harness)
  if (holdWrite === undefined) return []
  return (['first', 'last'] as const).map((statement) => createCase(harness)(name.replace('{}', statement), setup, async (caseStore) => {
    await check(caseStore, async (write, later) => {
      const { held, release } = await holdWrite(caseStore.opened, statement)
      const controller = new AbortController()
      const written = (async () => await write(controller.signal))()
      try {
        await Promise.race([held, written.then(() => assert.fail(`the write was not held back before its ${statement} statement`))])
        controller.abort()
        await later()
      } finally {
        await release()
        await Promise.allSettled([written])
      }
    })
  }))
}

function disabling<User extends object, Store> (
  harness: StoreHarness<User, Store>,
  name: string,
  check: (caseStore: CaseStore<User, Store>, disable: () => Promise<void>) => Promise<void>
): StoreCase[] {
  const disable = harness.disable?.bind(harness)
  if (disable === undefined) return []
  return [createCase(harness)(name, { settings: true }, async (caseStore) => {
    await check(caseStore, async () => { await disable(caseStore.opened) })
  })]
}

function newRecord (): ScimTokenRecord {
  return { hash: randomBytes(32).toString('hex'), createdAt: new Date() }
}

/** Creates records that differ in their dates too, so that a mix of two is not among them. */
function newRecords (count: number): ScimTokenRecord[] {
  const now = Date.now()
  return Array.from({ length: count }, (_, i) => ({ ...newRecord(), createdAt: new Date(now - i) }))
}
