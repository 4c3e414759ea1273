import { link, readFile, rm, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'

const heldByThisProcess = new Set<string>()

/**
 * Locks a folder for this process with a file that holds its process id, as PostgreSQL does. The
 * file of a process that no longer runs is replaced.
 *
 * @returns a function that releases the lock
 * @throws Error that names the process that holds the lock
 */
export async function lockFolder (folder: string): Promise<() => Promise<void>> {
  const file = resolve(folder, 'host.pid')
  if (!await create(file)) {
    const owner = Number(await readFile(file, 'utf8'))
    // A file without a process id was left by a full disk, as it is never empty while it is created.
    const isOwned = Number.isInteger(owner) && owner > 0 && isOtherProcess(owner)
    if (heldByThisProcess.has(file) || isOwned) {
      throw new Error(`Process ${owner} uses the data in ${folder}: stop it, set DATA_DIR to another folder, or remove ${file} if that process is not a host.`)
    }
    await rm(file, { force: true })
    if (!await create(file)) throw new Error(`Another process has just locked the data in ${folder}.`)
  }

  heldByThisProcess.add(file)
  return async () => {
    heldByThisProcess.delete(file)
    await rm(file, { force: true })
  }
}

async function create (file: string): Promise<boolean> {
  const whole = `${file}.${process.pid}`
  try {
    await writeFile(whole, String(process.pid))
    await link(whole, file)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  } finally {
    await rm(whole, { force: true })
  }
}

/** Whether another process with this id runs. In a container, the previous host may have had the id of this one. */
function isOtherProcess (pid: number): boolean {
  if (pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
