import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { Awaitable, ScimSettingsStore, ScimTokenContext, ScimTokenRecord, ScimTokenStore, ScimUser } from './contracts.ts'

/** One store over storage that no other case uses. */
export interface OpenStore<User extends object = ScimUser, Store = ScimTokenStore<User>> {
  /** The store on trial. */
  store: Store
  /** Handed to every call of the store. */
  context: ScimTokenContext<User>
  /** Called when the case is over. */
  close?: () => Awaitable<void>
}

/** How the cases come by stores. */
export interface StoreHarness<User extends object = ScimUser, Store = ScimTokenStore<User>> {
  /** Opens a store over fresh storage, in which SCIM is set up and enabled, or not set up at all. */
  open (setup: { settings: boolean }): Awaitable<OpenStore<User, Store>>

  /**
   * Makes every write of this store fail after it has begun, as a full disk or a violated
   * constraint does, until the function that it answers is called. Leave it out for a store whose
   * writes cannot fail, and the case that needs it is left out.
   */
  failWrites? (opened: OpenStore<User, Store>): Awaitable<() => Awaitable<void>>
}

/** A promise of the store contract, runnable: `run` rejects with an AssertionError where it is broken. */
export interface StoreCase {
  /** What the store promises. */
  name: string
  /** Tries it once, over fresh storage. */
  run: () => Promise<void>
}

/**
 * Answers the promises of {@link ScimTokenStore} as cases for any test runner:
 *
 * ```ts
 * for (const { name, run } of storeConformance({ open })) test(name, run)
 * ```
 */
export function storeConformance<User extends object = ScimUser, Store extends ScimTokenStore<User> = ScimTokenStore<User>> (
  harness: StoreHarness<User, Store>
): StoreCase[] {
  const onStore = caseMaker(harness)
  return [
    onStore('there is no record before the first one is stored', true, async ({ store, context }) => {
      assert.equal(await store.find(context), null)
    }),

    onStore('a stored record is found as it was stored', true, async ({ store, context }) => {
      const record = newRecord()
      assert.equal(await store.replace(record, context), true)
      assert.deepEqual(await store.find(context), record)
    }),

    onStore('a record replaces the one before it', true, async ({ store, context }) => {
      const [first, second] = [newRecord(), newRecord()]
      await store.replace(first, context)
      assert.equal(await store.replace(second, context), true)
      assert.deepEqual(await store.find(context), second)
    }),

    onStore('a record with an earlier date still replaces the one before it', true, async ({ store, context }) => {
      const hourAgo = { ...newRecord(), createdAt: new Date(Date.now() - 3_600_000) }
      await store.replace(newRecord(), context)
      assert.equal(await store.replace(hourAgo, context), true)
      assert.deepEqual(await store.find(context), hourAgo)
    }),

    onStore('without SCIM settings nothing is stored and the answer is false', false, async ({ store, context }) => {
      assert.equal(await store.replace(newRecord(), context), false)
      assert.equal(await store.find(context), null)
    }),

    onStore('concurrent replacements leave one record, whole, and it is one of those stored', true, async ({ store, context }) => {
      const records = newRecords(50)
      const answers = await Promise.all(records.map((record) => store.replace(record, context)))
      assert.deepEqual(new Set(answers), new Set([true]))

      const found = await store.find(context)
      assert.deepEqual(found, records.find(({ hash }) => hash === found?.hash))
      assert.deepEqual(await store.find(context), found)
    }),

    ...failingWrites(harness, 'a rejected record leaves the old one', async ({ store, context }, failing) => {
      const record = newRecord()
      await store.replace(record, context)
      await failing(async () => await store.replace(newRecord(), context))
      assert.deepEqual(await store.find(context), record)
    })
  ]
}

/** Answers the further promises of a {@link ScimSettingsStore}, for a host with the option `settings: true`. */
export function settingsConformance<User extends object = ScimUser> (
  harness: StoreHarness<User, ScimSettingsStore<User>>
): StoreCase[] {
  const onStore = caseMaker(harness)
  return [
    onStore('without SCIM settings they read as disabled and without a token', false, async ({ store, context }) => {
      assert.deepEqual(await store.getSettings(context), { enabled: false, hasToken: false })
    }),

    onStore('enabling makes the SCIM settings where there are none', false, async ({ store, context }) => {
      await store.setEnabled(true, context)
      assert.deepEqual(await store.getSettings(context), { enabled: true, hasToken: false })
      assert.equal(await store.replace(newRecord(), context), true)
      assert.deepEqual(await store.getSettings(context), { enabled: true, hasToken: true })
    }),

    onStore('disabling, too, makes the SCIM settings where there are none', false, async ({ store, context }) => {
      await store.setEnabled(false, context)
      assert.deepEqual(await store.getSettings(context), { enabled: false, hasToken: false })
      assert.equal(await store.replace(newRecord(), context), true)
    }),

    onStore('disabled, no record is found; enabled again, the same one', true, async ({ store, context }) => {
      const record = newRecord()
      await store.replace(record, context)

      await store.setEnabled(false, context)
      assert.equal(await store.find(context), null)
      assert.deepEqual(await store.getSettings(context), { enabled: false, hasToken: true })

      await store.setEnabled(true, context)
      assert.deepEqual(await store.find(context), record)
    }),

    onStore('a record stored while disabled is found once enabled', true, async ({ store, context }) => {
      await store.replace(newRecord(), context)
      await store.setEnabled(false, context)
      const record = newRecord()
      assert.equal(await store.replace(record, context), true)
      assert.equal(await store.find(context), null)

      await store.setEnabled(true, context)
      assert.deepEqual(await store.find(context), record)
    }),

    onStore('neither of concurrent changes to switch and record is lost', true, async ({ store, context }) => {
      const records = newRecords(25)
      await Promise.all(records.flatMap((record) => [store.replace(record, context), store.setEnabled(false, context)]))
      assert.deepEqual(await store.getSettings(context), { enabled: false, hasToken: true })

      await store.setEnabled(true, context)
      const found = await store.find(context)
      assert.deepEqual(found, records.find(({ hash }) => hash === found?.hash))
    }),

    ...failingWrites(harness, 'a rejected switch leaves things as they were', async ({ store, context }, failing) => {
      const record = newRecord()
      await store.replace(record, context)
      await failing(async () => await store.setEnabled(false, context))
      assert.deepEqual(await store.find(context), record)
    })
  ]
}

function caseMaker<User extends object, Store> (harness: StoreHarness<User, Store>) {
  return (name: string, settings: boolean, check: (opened: OpenStore<User, Store>) => Promise<void>): StoreCase => ({
    name,
    async run () {
      const opened = await harness.open({ settings })
      try {
        await check(opened)
      } finally {
        await opened.close?.()
      }
    }
  })
}

function failingWrites<User extends object, Store> (
  harness: StoreHarness<User, Store>,
  name: string,
  check: (opened: OpenStore<User, Store>, failing: (write: () => Promise<unknown>) => Promise<void>) => Promise<void>
): StoreCase[] {
  const failWrites = harness.failWrites?.bind(harness)
  if (failWrites === undefined) return []
  return [caseMaker(harness)(name, true, async (opened) => {
    await check(opened, async (write) => {
      const mend = await failWrites(opened)
      try {
        await assert.rejects(write)
      } finally {
        await mend()
      }
    })
  })]
}

function newRecord (): ScimTokenRecord {
  return { hash: randomBytes(32).toString('hex'), createdAt: new Date() }
}

/** Makes records that differ in their dates too, as half of one with half of another is no record. */
function newRecords (count: number): ScimTokenRecord[] {
  return Array.from({ length: count }, (_, i) => ({ ...newRecord(), createdAt: new Date(Date.now() - i) }))
}
