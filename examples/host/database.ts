import { access, mkdir, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { connectPool, type Database } from '../scim/postgres-pool.ts'
import { lockFolder } from './folder-lock.ts'

/** Connects to the PostgreSQL server at the URL, or opens the embedded one if there is no URL. */
export async function openDatabase ({ url, dataDir }: { url?: string | undefined, dataDir: string }): Promise<Database> {
  return url === undefined ? await openEmbedded(dataDir) : await connect(url)
}

async function connect (connectionString: string): Promise<Database> {
  const database = connectPool({ connectionString })
  await database.query('select 1').catch(async (error: NodeJS.ErrnoException) => {
    await database.close()
    // The error for a name with several addresses has no message.
    throw new Error(`The database of DATABASE_URL cannot be used: ${error.message || error.code}.`, { cause: error })
  })
  return database
}

async function openEmbedded (dataDir: string): Promise<Database> {
  // PGlite creates files that any user may write, so the folder is closed to other users.
  const folder = join(dataDir, 'database')
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((error: Error) => {
    throw new Error(`DATA_DIR must be a folder that can be created or written: ${error.message}.`, { cause: error })
  })
  const unlock = await lockFolder(dataDir)
  try {
    const isNew = await access(join(folder, 'PG_VERSION')).then(() => false, () => true)
    await requireSpace(dataDir, isNew ? newDatabaseSpace : neededSpace)
    const database = await PGlite.create(folder).catch((error: Error) => {
      throw new Error(`The data in ${folder} cannot be opened: ${error.message}. Set DATA_DIR to another folder, or restore this one.`, { cause: error })
    })
    return {
      async query (text, values) {
        await requireSpace(dataDir)
        return await database.query(text, values)
      },
      async transaction (work) {
        await requireSpace(dataDir)
        return await database.transaction(work)
      },
      async close () {
        // Closing writes to disk. Without it, the next start replays the WAL.
        if (await hasSpace(dataDir)) await database.close()
        await unlock()
      }
    }
  } catch (error) {
    await unlock()
    throw error
  }
}

// Two WAL segments, in bytes.
const neededSpace = 2 * 16 * 1024 * 1024
const newDatabaseSpace = neededSpace + 64 * 1024 * 1024

/** PGlite runs in this process, and on a full disk it neither returns nor throws. */
async function requireSpace (folder: string, bytes = neededSpace): Promise<void> {
  if (!await hasSpace(folder, bytes)) throw new Error(`The disk of DATA_DIR (${folder}) has less than ${bytes / 1024 / 1024} MB left, so the database is not used: free some space.`)
}

async function hasSpace (folder: string, bytes = neededSpace): Promise<boolean> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize >= bytes
}
