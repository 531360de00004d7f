package api

// environment has what the machine lacks or forbids.
var environment = []Entry{
	{UsernsSysctl, ExitMachine,
		"A kernel setting forbids user namespaces to ordinary users.",
		"ask an administrator to run:  sysctl -w user.max_user_namespaces=15000",
		`
An ordinary user's switch lives in a user namespace of its own: inside it, and
only there, it may make network namespaces and TAP devices. Two settings can
forbid that:

    user.max_user_namespaces = 0          no user namespaces at all
    kernel.unprivileged_userns_clone = 0  Debian's switch, for ordinary users

Both last until the next boot when set with sysctl -w; a file in /etc/sysctl.d
keeps them. Without the right to change them, run the switch as root: it needs
no user namespace then.`},

	{UsernsAppArmor, ExitMachine,
		"AppArmor takes all rights from the user namespaces of ordinary users.",
		"ask an administrator to run:  sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
		`
Ubuntu 23.10 and later set kernel.apparmor_restrict_unprivileged_userns. A user
namespace can then still be made, but its owner has no rights inside it, so no
network namespace and no TAP can be made there.

Besides the setting there is a finer way: a profile for this one program.
Put this into /etc/apparmor.d/vswitch, with the program's real path, and load it
with apparmor_parser -r /etc/apparmor.d/vswitch :

    abi <abi/4.0>,
    profile vswitch /usr/local/bin/vswitch flags=(unconfined) {
      userns,
    }`},

	{TunMissing, ExitMachine,
		"The device node /dev/net/tun does not exist.",
		"ask an administrator to run:  mkdir -p /dev/net && mknod -m 0666 /dev/net/tun c 10 200",
		`
Containers are reached through TAP devices, which are opened at /dev/net/tun.
The node is usually made by the kernel's tun module or by the system at boot; a
small container or virtual machine may lack it.

    modprobe tun                                loads the driver
    mkdir -p /dev/net
    mknod -m 0666 /dev/net/tun c 10 200         makes the node

Inside a container, the node has to be handed in by whoever starts it:
docker run --device /dev/net/tun ...`},

	{TunClosed, ExitMachine,
		"The device node /dev/net/tun exists, but opening it was refused.",
		"ask an administrator to run:  chmod 0666 /dev/net/tun",
		`
The node's mode or owner, or the device rules of a surrounding container, do
not let this user open it. Most systems ship it open to everybody (0666): to
open it gives no rights by itself, for making a device still needs rights over
the network namespace.

EACCES means the mode or owner: ls -l /dev/net/tun shows them.
EPERM means the rules of a surrounding container: hand the device in with
docker run --device /dev/net/tun ...

A udev rule keeps the mode over a boot:
    echo 'KERNEL=="tun", MODE="0666"' > /etc/udev/rules.d/90-tun.rules`},

	{UsernsExhausted, ExitMachine,
		"No more namespaces can be made: a limit is reached.",
		"ask an administrator to run:  sysctl -w user.max_user_namespaces=15000 user.max_net_namespaces=15000",
		`
The kernel counts namespaces for each user. ENOSPC means that a limit is
reached, or that user namespaces are nested 32 deep. See the limits with

    sysctl user.max_user_namespaces user.max_net_namespaces

and who holds namespaces with lsns.`},

	{TunNoDriver, ExitMachine,
		"The device node /dev/net/tun exists, but the kernel has no driver behind it.",
		"ask an administrator to run:  modprobe tun",
		`
ENODEV or ENXIO at opening means that the tun driver is neither built in nor
loaded. modprobe tun loads it. Where the module does not exist, the kernel was
built without CONFIG_TUN and another kernel is needed. Inside a container the
module has to be loaded on the host.`},

	{TunOffloads, ExitMachine,
		"The kernel's TAP devices do not take offloads.",
		"",
		`
With offloads a container hands over one frame of up to 64 KiB where it would
otherwise send forty-five, and leaves the checksum to be finished by whoever
needs it. That is most of the speed of bulk transfers. Without them everything
works, several times slower.

TCP segmentation needs Linux 2.6.27 or newer, UDP segmentation (USO) 6.2. The
switch tries the larger set first and falls back step by step.`},

	{UringUnavailable, ExitMachine,
		"io_uring is not available, so the epoll loop is used.",
		"ask an administrator to run:  sysctl -w kernel.io_uring_disabled=0",
		`
The io_uring loop carries more small frames a second than the epoll loop; for
bulk transfers they are equal. It needs Linux 6.7 or newer and may be
forbidden:

    kernel.io_uring_disabled = 1   only root and one group may use it
    kernel.io_uring_disabled = 2   nobody may

A surrounding container's system call filter may forbid it too. With --io auto
the switch tests it at start and uses epoll where it does not work; --io uring
insists on it and fails with this code.`},

	{ToolMissing, ExitMachine,
		"A program that this command runs is not installed.",
		"ask an administrator to install it (Debian, Ubuntu):  apt-get install iperf3 iputils-ping",
		`
The switch itself needs no other program. demo and the quick checks run ping
and iperf3 inside the containers, because their figures are the ones that
people know. They are looked for in PATH.`},

	{LockedMemory, ExitMachine,
		"The limit on locked memory is too low for io_uring's buffers.",
		"ask an administrator to raise memlock for your user in /etc/security/limits.conf, or use --io epoll",
		`
Buffers registered with io_uring are locked in memory and count against
RLIMIT_MEMLOCK of an ordinary user: about 2.2 MiB for each worker thread.
ulimit -l shows the limit in KiB. The epoll loop locks nothing.`},

	{OpenFiles, ExitMachine,
		"The limit on open files is too low.",
		"raise it in this shell:  ulimit -n 4096",
		`
Every container holds a few descriptors open in the switch: one for each queue
of its TAP device and one for each of its namespaces. ulimit -n shows the soft
limit, ulimit -Hn the hard one, up to which the program raises it by itself. An
administrator raises the hard limit in /etc/security/limits.conf or with
LimitNOFILE= in a systemd unit.`},

	{KernelOld, ExitMachine,
		"The kernel is older than the switch can use.",
		"",
		`
The switch asks for features and falls back where it can, so most of what an
older kernel lacks costs speed only:

    5.3   ending a container's programs safely: the oldest version supported
    6.2   UDP segmentation offload on TAP devices
    6.7   the io_uring loop`},

	{NamespacesRefused, ExitMachine,
		"The kernel refused to make the namespaces that containers need.",
		"",
		`
None of the settings that usually forbid it is set, so something around this
process does: the system call filter or the rights of a container that it runs
in, or a security module. In Docker, --privileged or the options
--security-opt seccomp=unconfined --cap-add SYS_ADMIN --cap-add NET_ADMIN
show whether that is it. A change-root (chroot) also forbids user namespaces.`},

	{ProbeFailed, ExitMachine,
		"A check of doctor failed in a way that it has no name for.",
		"",
		`
doctor tries things out. This one failed, or did not come to an end, in a way
that none of the known causes explains. The line above shows the system's own
error.`},

	{PingClosed, ExitMachine,
		"Ordinary users may not send pings, so containers cannot ping the world.",
		"ask an administrator to run:  sysctl -w net.ipv4.ping_group_range='0 2147483647'",
		`
Echo requests of containers leave the host by ping sockets (icmp(7)), which the
kernel opens to the groups in net.ipv4.ping_group_range only. Without them the
gateway answers that it is prohibited; TCP and UDP are not affected, nor are
pings between containers. Root's switch uses raw sockets instead.`},
}
