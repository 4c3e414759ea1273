import t from 'tap'
import { postgresMigration, postgresStore } from '../../lib/stores/postgres.ts'
import { loseNothing } from '../helpers/concurrent-settings.ts'

t.test('postgresStore: settings changes and tokens concurrently on two nodes -> nothing is lost', async (t) => {
  await loseNothing(t, {
    open: (db) => postgresStore({ db, createdBy: () => 'admin' }),
    reset: `
      drop table if exists scim_settings, scim_token_audit;
      ${postgresMigration()};
      alter table scim_settings add visits integer not null default 0, add theirs text default 'kept'`,
    increment: 'update scim_settings set visits = visits + 1',
    readOthers: 'select theirs, visits from scim_settings'
  })
})
