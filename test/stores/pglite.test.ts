import { randomBytes } from 'node:crypto'
import { PGlite } from '@electric-sql/pglite'
import t from 'tap'
import { postgresMigration, postgresStore } from '../../lib/stores/postgres.ts'
import { createStoreContext } from '../helpers/store-context.ts'

t.test('postgresStore over PGlite -> all methods work', async (t) => {
  const db = await PGlite.create()
  t.teardown(() => db.close())
  await db.query(postgresMigration())
  await db.query(postgresMigration())
  const store = postgresStore({ db, createdBy: () => 'ada' })
  const context = await createStoreContext({})
  const record = { hash: randomBytes(32).toString('hex'), createdAt: new Date() }

  t.equal(await store.replace(record, context), false)
  await store.setEnabled(true, context)
  t.equal(await store.replace(record, context), true)
  t.strictSame(await store.find(context), record)
  t.match((await db.query('select * from scim_token_audit')).rows, [{ tenant: 'default', token_hash: record.hash, created_by: 'ada' }])

  await store.setEnabled(false, context)
  t.equal(await store.find(context), null)
  t.strictSame(await store.getSettings(context), { enabled: false, hasToken: true })
})
