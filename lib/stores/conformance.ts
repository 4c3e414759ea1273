import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import type { Awaitable, ScimSettingsStore, ScimAdminContext, ScimTokenRecord, ScimTokenStore, ScimUser, ScimWriteContext } from '../contracts.ts'

/** A store over storage that no other case uses. */
export interface OpenStore<User extends object = ScimUser, Store = ScimTokenStore<User>> {
  /** The store under test. */
  store: Store
  /**
   * A second store over the same storage, as on another node; the two share no memory. Without it, a cache
   * or a fence counted in process memory is not detected.
   */
  other?: Store
  /** Passed to every call of the store; writes get a `signal` too. */
  context: ScimAdminContext<User>
  /** Called at the end of the case. */
  close?: () => Awaitable<void>
}

/** Creates the stores for the cases. */
export interface StoreHarness<User extends object = ScimUser, Store = ScimTokenStore<User>> {
  /** Opens a store over fresh storage. If `configured`, it has SCIM settings: enabled, and without a token. */
  open (setup: { configured: boolean }): Awaitable<OpenStore<User, Store>>

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
  const onStore = createCases(harness)
  return [
    onStore('find() without a record returns null or undefined', {}, async ({ store, context }) => {
      await assertNoRecord(store, context)
    }),

    onStore('find() returns the stored record unchanged', {}, async ({ store, context }) => {
      const record = await replace(store, context)
      assert.deepEqual(await store.find(context), record)
    }),

    onStore('replace() replaces the previous record', {}, async ({ store, context }) => {
      await replace(store, context)
      const record = await replace(store, context)
      assert.deepEqual(await store.find(context), record)
    }),

    onStore('replace() of another node is found at once, and the other way round', {}, async ({ store, other, context }) => {
      for (const [writer, reader] of [[store, other], [other, store], [store, other]] as const) {
        const record = await replace(writer, context)
        assert.deepEqual(await reader.find(context), record)
        assert.deepEqual(await writer.find(context), record)
      }
    }),

    onStore('replace() replaces the previous record even if its own date is earlier', {}, async ({ store, context }) => {
      await replace(store, context)
      const record = await replace(store, context, newRecord(3_600_000))
      assert.deepEqual(await store.find(context), record)
    }),

    onStore('replace() without SCIM settings returns false and stores nothing', { configured: false }, async ({ store, context }) => {
      assert.equal(await store.replace(newRecord(), context), false)
      await assertNoRecord(store, context)
    }),

    onStore('concurrent replace() calls leave exactly one of their records, whole', {}, async ({ store, context }) => {
      const records = newRecords(50)
      await Promise.all(records.map((record) => replace(store, context, record)))
      const found = await store.find(context)
      assert.deepEqual(found, records.find(({ hash }) => hash === found?.hash))
      assert.deepEqual(await store.find(context), found)
    }),

    onStore('replace() rejects -> the previous record is kept', { needs: ['failWrites'] }, async ({ store, context, expectFailure }) => {
      const record = await replace(store, context)
      await expectFailure(() => store.replace(newRecord(), context))
      assert.deepEqual(await store.find(context), record)
    }),

    onStore('replace() that was given up before its {} statement does not invalidate a later record', { needs: ['holdWrite'] }, async ({ store, context, giveUp }) => {
      const record = newRecord()
      await giveUp((context) => store.replace(newRecord(), context), () => replace(store, context, record))
      assert.deepEqual(await store.find(context), record)
    }),

    onStore('replace() that was given up before its {} statement, on a node whose earlier writes failed, does not invalidate a later record', { needs: ['holdWrite', 'failWrites'] }, async ({ store, other, context, expectFailure, giveUp }) => {
      for (let i = 0; i < 3; i++) await expectFailure(() => store.replace(newRecord(), context))
      const record = newRecord()
      await giveUp((context) => store.replace(newRecord(), context), () => replace(other, context, record))
      assert.deepEqual(await store.find(context), record)
    }),

    onStore('replace() that was overtaken is stored, or rejects', { needs: ['holdWrite'] }, async ({ store, other, context, overtake }) => {
      const [record, later] = [newRecord(), newRecord()]
      const isStored = await overtake(() => store.replace(record, context), () => replace(other, context, later))
      assert.deepEqual(await store.find(context), isStored === true ? record : later)
    }),

    onStore('replace() that was overtaken up to five times and then given up does not invalidate a later record', { needs: ['holdWrite'] }, async ({ store, other, context, giveUp }) => {
      let record = newRecord()
      const later = async () => { record = await replace(other, context) }
      for (let times = 2; times <= 5; times++) {
        const isGivenUp = await giveUp((context) => store.replace(newRecord(), context), later, times)
        if (isGivenUp) assert.deepEqual(await store.find(context), record)
      }
    }),

    onStore('find() returns null or undefined once SCIM was disabled', { needs: ['disable'] }, async ({ store, context, disable }) => {
      await replace(store, context)
      await disable()
      await assertNoRecord(store, context)
    })
  ].flat()
}

/** Returns the further conditions of a {@link ScimSettingsStore}, for the option `settingsRoutes: true`. */
export function settingsConformance<User extends object = ScimUser> (
  harness: StoreHarness<User, ScimSettingsStore<User>>
): StoreCase[] {
  const onStore = createCases(harness)
  return [
    onStore('getSettings() without SCIM settings returns disabled and without a token', { configured: false }, async ({ store, context }) => {
      assert.deepEqual(await store.getSettings(context), { enabled: false, hasToken: false })
    }),

    onStore('setEnabled(true) creates the SCIM settings if there are none', { configured: false }, async ({ store, context }) => {
      await store.setEnabled(true, context)
      assert.deepEqual(await store.getSettings(context), { enabled: true, hasToken: false })
      await replace(store, context)
      assert.deepEqual(await store.getSettings(context), { enabled: true, hasToken: true })
    }),

    onStore('setEnabled(false) creates the SCIM settings if there are none', { configured: false }, async ({ store, context }) => {
      await store.setEnabled(false, context)
      assert.deepEqual(await store.getSettings(context), { enabled: false, hasToken: false })
      await replace(store, context)
    }),

    onStore('find() returns no record while SCIM is disabled, and the same record once it is enabled again', {}, async ({ store, context }) => {
      const record = await replace(store, context)
      await store.setEnabled(false, context)
      await assertNoRecord(store, context)
      assert.deepEqual(await store.getSettings(context), { enabled: false, hasToken: true })

      await store.setEnabled(true, context)
      assert.deepEqual(await store.find(context), record)
    }),

    onStore('find() returns a record stored while SCIM was disabled once it is enabled', {}, async ({ store, context }) => {
      await replace(store, context)
      await store.setEnabled(false, context)
      const record = await replace(store, context)
      await assertNoRecord(store, context)

      await store.setEnabled(true, context)
      assert.deepEqual(await store.find(context), record)
    }),

    onStore('concurrent replace() and setEnabled() calls do not undo each other', {}, async ({ store, context }) => {
      const records = newRecords(25)
      await Promise.all(records.flatMap((record) => [store.replace(record, context), store.setEnabled(false, context)]))
      assert.deepEqual(await store.getSettings(context), { enabled: false, hasToken: true })

      await store.setEnabled(true, context)
      const found = await store.find(context)
      assert.deepEqual(found, records.find(({ hash }) => hash === found?.hash))
    }),

    onStore('setEnabled() rejects -> nothing is changed', { needs: ['failWrites'] }, async ({ store, context, expectFailure }) => {
      const record = await replace(store, context)
      await expectFailure(() => store.setEnabled(false, context))
      assert.deepEqual(await store.find(context), record)
    }),

    onStore('setEnabled() of another node is effective at once, and the other way round', {}, async ({ store, other, context }) => {
      const record = await replace(store, context)
      for (const [writer, reader] of [[store, other], [other, store]] as const) {
        await writer.setEnabled(false, context)
        await assertNoRecord(reader, context)
        assert.deepEqual(await reader.getSettings(context), { enabled: false, hasToken: true })
        await writer.setEnabled(true, context)
        assert.deepEqual(await reader.find(context), record)
        assert.deepEqual(await reader.getSettings(context), { enabled: true, hasToken: true })
      }
    }),

    onStore('setEnabled() that was given up before its {} statement does not undo a later one', { needs: ['holdWrite'] }, async ({ store, other, context, giveUp }) => {
      const record = await replace(store, context)
      await giveUp((context) => store.setEnabled(true, context), () => other.setEnabled(false, context))
      await assertNoRecord(store, context)
      assert.deepEqual(await store.getSettings(context), { enabled: false, hasToken: true })

      await giveUp((context) => store.setEnabled(false, context), () => other.setEnabled(true, context))
      assert.deepEqual(await store.find(context), record)
    }),

    onStore('setEnabled() that was overtaken up to five times and then given up does not undo a later one', { needs: ['holdWrite'] }, async ({ store, other, context, giveUp }) => {
      for (let times = 2; times <= 5; times++) {
        const isGivenUp = await giveUp((context) => store.setEnabled(true, context), () => other.setEnabled(false, context), times)
        if (isGivenUp) assert.equal((await store.getSettings(context)).enabled, false)
      }
    }),

    onStore('setEnabled() that was given up before its {} statement does not undo a later one that created the SCIM settings', { configured: false, needs: ['holdWrite'] }, async ({ store, context, giveUp }) => {
      await giveUp((context) => store.setEnabled(true, context), () => store.setEnabled(false, context))
      assert.deepEqual(await store.getSettings(context), { enabled: false, hasToken: false })
    }),

    onStore('setEnabled() that was given up before its {} statement has no effect after a later replace()', { needs: ['holdWrite'] }, async ({ store, context, giveUp }) => {
      await store.setEnabled(false, context)
      await giveUp((context) => store.setEnabled(true, context), () => replace(store, context))
      assert.deepEqual(await store.getSettings(context), { enabled: false, hasToken: true })
    }),

    onStore('replace() that was given up before its {} statement has no effect after a later setEnabled()', { needs: ['holdWrite'] }, async ({ store, context, giveUp }) => {
      const record = await replace(store, context)
      await giveUp((context) => store.replace(newRecord(), context), () => store.setEnabled(true, context))
      assert.deepEqual(await store.find(context), record)
    })
  ].flat()
}

interface Setup {
  /** Default: true. */
  configured?: boolean
  /** The optional methods of the harness without which the case is omitted. */
  needs?: readonly ('failWrites' | 'holdWrite' | 'disable')[]
}

type Statement = 'first' | 'last'

/** Returns a function that creates a case; two if its name has `{}`: one for each statement that is held back. */
function createCases<User extends object, Store extends ScimTokenStore<User>> (harness: StoreHarness<User, Store>) {
  return function onStore (name: string, { configured = true, needs = [] }: Setup, check: (caseStore: ReturnType<typeof prepareCase<User, Store>>) => Promise<void>): StoreCase[] {
    if (needs.some((method) => harness[method] === undefined)) return []
    const statements: Statement[] = name.includes('{}') ? ['first', 'last'] : ['last']
    return statements.map((statement) => ({
      name: name.replace('{}', statement),
      async run () {
        const opened = await harness.open({ configured })
        await check(prepareCase(harness as Required<StoreHarness<User, Store>>, opened, statement)).finally(() => opened.close?.())
      }
    }))
  }
}

/**
 * Returns the store for a case, and what the harness can do to it.
 *
 * @param statement the statement of a write that is held back
 */
function prepareCase<User extends object, Store> (harness: Required<StoreHarness<User, Store>>, opened: OpenStore<User, Store>, statement: Statement) {
  const { store, other = store } = opened
  const context: ScimWriteContext<User> = { ...opened.context, signal: new AbortController().signal }
  return { store, other, context, disable: () => harness.disable(opened), expectFailure, overtake, giveUp }

  /** Expects a write to reject while writes fail. */
  async function expectFailure (write: () => Awaitable<unknown>) {
    const restoreWrites = await harness.failWrites(opened)
    await assert.rejects(async () => await write()).finally(restoreWrites)
  }

  /**
   * Holds back a statement of a write until a later write has resolved, and so on while the write tries again.
   * Resolves to what the write resolves to, or to its error.
   */
  async function overtake (write: () => Awaitable<unknown>, later: (time: number) => Awaitable<unknown>, times = 1) {
    let heldWrite = await harness.holdWrite(opened, statement)
    let isSettled = false
    const written = (async () => await write())().catch((error: unknown) => error).finally(() => { isSettled = true })
    try {
      for (let time = 1; time <= times; time++) {
        await Promise.race([heldWrite.held, written])
        if (isSettled && time === 1) throw new assert.AssertionError({ message: `the write was not held back before its ${statement} statement`, actual: await written })
        if (isSettled) break
        await withoutLock(() => later(time))
        if (time === times) break
        const previous = heldWrite
        heldWrite = await harness.holdWrite(opened, statement)
        await previous.release()
      }
    } finally {
      await heldWrite.release()
      await written
    }
    return await written
  }

  /** Overtakes a write `times` times, and aborts it the last time. Resolves to `false` if the write settled before that. */
  async function giveUp (write: (context: ScimWriteContext<User>) => Awaitable<unknown>, later: () => Awaitable<unknown>, times = 1) {
    const controller = new AbortController()
    await overtake(() => write({ ...context, signal: controller.signal }), (time) => {
      if (time === times) controller.abort()
      return later()
    }, times)
    return controller.signal.aborted
  }
}

/** In milliseconds. */
const longestLock = 2000

/** Calls a write while another one is held back, and fails if it waits for that one. */
async function withoutLock (write: () => Awaitable<unknown>): Promise<void> {
  const written = (async () => await write())()
  const timer = new AbortController()
  const timeLimit = setTimeout(longestLock, undefined, { signal: timer.signal }).then(() => {
    assert.fail(`a write waits for ${longestLock} ms for one that is held back: a write must not hold a lock between its statements`)
  })
  await Promise.race([written, timeLimit]).finally(() => { timer.abort() })
}

/** Calls `replace`, and returns the record. */
async function replace<User extends object> (store: ScimTokenStore<User>, context: ScimWriteContext<User>, record = newRecord()): Promise<ScimTokenRecord> {
  assert.equal(await store.replace(record, context), true)
  return record
}

async function assertNoRecord<User extends object> (store: ScimTokenStore<User>, context: ScimWriteContext<User>): Promise<void> {
  assert.equal(await store.find(context) ?? null, null)
}

/** @param age milliseconds since it was created */
function newRecord (age = 0): ScimTokenRecord {
  return { hash: randomBytes(32).toString('hex'), createdAt: new Date(Date.now() - age) }
}

/** Creates records that differ in their dates too, so that a mix of two is not among them. */
function newRecords (count: number): ScimTokenRecord[] {
  return Array.from({ length: count }, (_, i) => newRecord(i * 1000))
}
