/**
 * Which numbers does the Win32 interface use? By their header files; the same on x64 and arm64.
 */

/** winnt.h, fileapi.h: CreateFileW */
export const GENERIC_READ = 0x8000_0000
export const GENERIC_WRITE = 0x4000_0000
export const DELETE = 0x0001_0000
export const SYNCHRONIZE = 0x0010_0000
export const FILE_SHARE_READ = 1
export const FILE_SHARE_WRITE = 2
export const FILE_SHARE_DELETE = 4
export const CREATE_NEW = 1
export const OPEN_EXISTING = 3
export const OPEN_ALWAYS = 4
export const FILE_ATTRIBUTE_NORMAL = 0x80
export const FILE_ATTRIBUTE_TEMPORARY = 0x100
export const FILE_FLAG_OPEN_REPARSE_POINT = 0x0020_0000
export const FILE_FLAG_BACKUP_SEMANTICS = 0x0200_0000
export const FILE_FLAG_DELETE_ON_CLOSE = 0x0400_0000
export const FILE_TYPE_DISK = 1

/** winnt.h, memoryapi.h: CreateFileMappingW, MapViewOfFileEx */
export const PAGE_READONLY = 0x02
export const PAGE_READWRITE = 0x04
export const PAGE_WRITECOPY = 0x08
export const FILE_MAP_COPY = 1
export const FILE_MAP_WRITE = 2
export const FILE_MAP_READ = 4

/** memoryapi.h: VirtualAlloc, VirtualFree */
export const MEM_COMMIT = 0x1000
export const MEM_RESERVE = 0x2000
export const MEM_RELEASE = 0x8000

/** minwinbase.h: LockFileEx */
export const LOCKFILE_FAIL_IMMEDIATELY = 1
export const LOCKFILE_EXCLUSIVE_LOCK = 2

/** minwinbase.h: FILE_INFO_BY_HANDLE_CLASS of SetFileInformationByHandle */
export const FileDispositionInfo = 4
export const FileAllocationInfo = 5
export const FileEndOfFileInfo = 6
export const FileDispositionInfoEx = 21
export const FileRenameInfoEx = 22
/** winbase.h: flags of the last two, Windows 10 1709 and later. The name changes at once, even if there are open handles. */
export const FILE_DISPOSITION_DELETE = 1
export const FILE_DISPOSITION_POSIX_SEMANTICS = 2
export const FILE_RENAME_REPLACE_IF_EXISTS = 1
export const FILE_RENAME_POSIX_SEMANTICS = 2
/** winbase.h: MoveFileExW */
export const MOVEFILE_REPLACE_EXISTING = 1
export const MOVEFILE_WRITE_THROUGH = 8

/** processthreadsapi.h: the result of GetCurrentProcess */
export const CURRENT_PROCESS = -1
