# The second stage of the U-Boot board: what lies in one of two raw areas in front of the first partition,
# and is updated as a boot loader. boot.cmd, the first stage, has chosen the area and the partition.
echo Second stage NAME boots partition ${mender_boot_part}, trial ${upgrade_available}
setenv bootargs root=/dev/vda${mender_boot_part} second_stage=NAME OPTIONS
load virtio ${devnum}:${mender_boot_part} 0x1000000 /boot/vmlinuz
setenv kernel_size ${filesize}
# Above what the unpacked kernel takes.
load virtio ${devnum}:${mender_boot_part} 0xa000000 /boot/initrd
zboot 0x1000000 ${kernel_size} 0xa000000 ${filesize}
