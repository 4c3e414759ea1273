import { quoteTables, type PostgresTables } from './postgres-options.ts'

/**
 * Returns the SQL that creates the tables of `postgresStore`, or brings those of an earlier
 * version up to date. It is one statement, and may be run at every start, by several nodes at once.
 * Once the tables are up to date it needs no rights on them, so that any role can run it.
 *
 * It fails if a table with one of their names exists and is not one of this package. A tenant can
 * have a token once it has a row in the settings table.
 */
export function postgresMigration (tables?: PostgresTables): string {
  const { settings, audit } = quoteTables('postgresMigration', tables)
  // Creating and altering need rights even if they do nothing, so the catalog is read first.
  const steps = [
    `if ${isMissing(settings)} then
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
    `if ${isMissing(audit)} then
      create table if not exists ${audit} (
        id bigint generated always as identity primary key,
        tenant text not null,
        token_hash text not null,
        created_at timestamptz not null default now(),
        created_by text not null
      );
    end if;`,
    requireColumns(settings, ['tenant', 'enabled', 'token_hash', 'token_created_at', 'token_created_by']),
    requireColumns(audit, ['tenant', 'id', 'token_hash', 'created_at', 'created_by']),
    // Nodes of an earlier version cannot write without its columns, as they would not be fenced by ours.
    `if ${isMissing(settings, 'written')} then
      alter table ${settings}
        add column if not exists fence bigint not null default 0,
        add column if not exists written bigint not null default 0,
        drop column if exists token_fence,
        drop column if exists enabled_fence;
    end if;`,
    `if ${isMissing(audit, 'enabled')} then
      alter table ${audit}
        alter column token_hash drop not null,
        add column if not exists enabled boolean check (num_nonnulls(token_hash, enabled) = 1);
    end if;`
  ]
  return `
    do $migration$ begin
      -- "if not exists" alone fails if two nodes create the same table at once
      perform pg_advisory_xact_lock(hashtext('fastify-scim-token'));
      ${steps.join('\n')}
    end $migration$`
}

function isMissing (table: string, column?: string): string {
  return column === undefined
    ? `to_regclass(${literal(table)}) is null`
    : `not exists (select from pg_attribute where attrelid = to_regclass(${literal(table)}) and attname = ${literal(column)} and not attisdropped)`
}

function requireColumns (table: string, columns: string[]): string {
  // This function fails for a column that does not exist. Unlike a query of pg_attribute, it sees
  // a table that another node has just created, whatever the isolation level.
  return `begin
      perform has_column_privilege(${literal(table)}, name, 'select') from unnest(array[${columns.map(literal).join()}]) name;
    exception when undefined_column then
      raise exception using message = ${literal(`fastify-scim-token: the table ${table} exists and is not one of this package: `)} || sqlerrm,
        hint = 'Pass other names as "tables" to postgresStore and postgresMigration.';
    end;`
}

function literal (text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
