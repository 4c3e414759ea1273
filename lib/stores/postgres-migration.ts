import { inspect } from 'node:util'
import { invalidOption, requireOptions } from '../check-options.ts'
import { quoteTables, type PostgresTables } from './postgres-options.ts'

/** Options of `postgresMigration`. */
export interface PostgresMigrationOptions {
  /**
   * Milliseconds that the migration waits for a lock before it fails and changes nothing. All statements on the
   * settings table wait behind it.
   * @defaultValue `500`
   */
  lockTimeout?: number | undefined
}

// In microseconds, as the numbers of the store's writes are, for rows that are inserted by hand.
const clock = '(extract(epoch from clock_timestamp()) * 1000000)::bigint'
const oneEvent = 'check (num_nonnulls(token_hash, enabled) = 1)'

/**
 * Returns the SQL that creates the tables of `postgresStore`, or brings those of an earlier version up to
 * date. It is one statement, and may be run at every start, by several nodes at once. It neither reads nor
 * rewrites rows. Once the tables are up to date it needs no privileges on them, so that any role can run it.
 *
 * It fails with SQLSTATE `55P03` if it cannot lock the tables in time; the hint names the processes that
 * hold them. It also fails if a table of that name is not from this package. A tenant can have a token once it
 * has a row in the settings table.
 *
 * @throws an error that names the first unknown or invalid option and says what it must be
 */
export function postgresMigration (tables?: PostgresTables, options: PostgresMigrationOptions = {}): string {
  const { settings, audit } = quoteTables('postgresMigration', tables)
  const lockTimeout = requireLockTimeout(options)
  // Creating and altering need privileges even if they do nothing, so the catalog is read first.
  const steps = [
    `if to_regclass(${literal(settings)}) is null then
      create table if not exists ${settings} (
        tenant text primary key,
        enabled boolean not null default false,
        token_hash text check (token_hash ~ '^[0-9a-f]{64}$'),
        token_created_at timestamptz,
        token_created_by text,
        fence bigint not null default 0,
        written bigint not null default 0
      );
    end if;`,
    `if to_regclass(${literal(audit)}) is null then
      create table if not exists ${audit} (
        tenant text not null,
        id bigint not null default ${clock},
        token_hash text,
        enabled boolean,
        created_at timestamptz not null default now(),
        created_by text not null,
        primary key (tenant, id),
        ${oneEvent}
      );
    end if;`,
    requireColumns(settings, 'tenant', 'enabled', 'token_hash', 'token_created_at', 'token_created_by'),
    requireColumns(audit, 'tenant', 'id', 'token_hash', 'created_at', 'created_by'),
    // Nodes of an earlier version cannot write without its columns, as they would not be fenced by ours.
    ifColumnIsMissing(settings, ['written'], `
      alter table ${settings}
        add column if not exists fence bigint not null default 0,
        add column written bigint not null default 0,
        drop column if exists token_fence,
        drop column if exists enabled_fence;`),
    // Not valid: a valid one would read all rows, whose "enabled" is null.
    ifColumnIsMissing(audit, ['enabled'], `
      ${lockAtOnce(audit)}
      alter table ${audit}
        alter column token_hash drop not null,
        add column enabled boolean,
        add ${oneEvent} not valid;`),
    // A sequence is behind its table after a logical replication or an import. No write would succeed then.
    `if exists (select from pg_attribute where attrelid = to_regclass(${literal(audit)}) and attname = 'id' and attidentity <> '') then
      ${lockAtOnce(audit)}
      alter table ${audit}
        alter column id drop identity if exists,
        alter column id set default ${clock};
    end if;`
  ]
  return `
    do $migration$
    declare
      previous text := current_setting('lock_timeout');
    begin
      perform set_config('lock_timeout', '${lockTimeout}ms', true);
      -- "if not exists" alone fails if two nodes create the same table at once
      perform pg_advisory_xact_lock(hashtext('fastify-scim-token'));
      ${steps.join('\n')}
      perform set_config('lock_timeout', previous, true);
    exception when lock_not_available then
      raise exception using errcode = 'lock_not_available',
        message = 'fastify-scim-token: the tables could not be locked within ${lockTimeout} ms, and nothing was changed',
        hint = 'Try again. ' || coalesce(${lockHolders(settings, audit)}, 'Another node was migrating, or the lock is free by now.');
    end $migration$`
}

function requireLockTimeout (options: PostgresMigrationOptions): number {
  requireOptions('postgresMigration', options, ['lockTimeout'], 'the options must be an object, such as { lockTimeout: 500 }')
  const { lockTimeout = 500 } = options
  if (!Number.isInteger(lockTimeout) || lockTimeout < 1 || lockTimeout > 2 ** 31 - 1) {
    throw invalidOption('postgresMigration', `the option "lockTimeout" must be an integer of milliseconds from 1 to ${2 ** 31 - 1}`, inspect(lockTimeout))
  }
  return lockTimeout
}

/** Without waiting, because the settings table may be locked by now, and all verifications wait for it. */
function lockAtOnce (table: string): string {
  return `lock table ${table} in access exclusive mode nowait;`
}

function lockHolders (...tables: string[]): string {
  return `(
        select 'The tables are locked by ' || string_agg(format('process %s (role %s, application "%s"): %s on %s', pid, usename, application_name, mode, relation::regclass), '; ')
        from pg_locks left join pg_stat_activity using (pid)
        where granted and pid is distinct from pg_backend_pid()
          and database = (select oid from pg_database where datname = current_database())
          and relation in (${tables.map((table) => `to_regclass(${literal(table)})`).join()})
      ) || '.'`
}

function ifColumnIsMissing (table: string, columns: string[], statements: string): string {
  // This function fails for a column that does not exist. Unlike a query of pg_attribute, it sees
  // what another node has just committed, whatever the isolation level.
  return `begin
      perform has_column_privilege(${literal(table)}, name, 'select') from unnest(array[${columns.map(literal).join()}]) name;
    exception when undefined_column then
      ${statements}
    end;`
}

function requireColumns (table: string, ...columns: string[]): string {
  return ifColumnIsMissing(table, columns, `
      raise exception using message = ${literal(`fastify-scim-token: the table ${table} exists and is not one of this package: `)} || sqlerrm,
        hint = 'Pass other names as "tables" to postgresStore and postgresMigration.';`)
}

function literal (text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
