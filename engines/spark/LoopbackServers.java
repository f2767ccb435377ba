import java.lang.instrument.ClassFileTransformer;
import java.lang.instrument.Instrumentation;
import java.security.ProtectionDomain;
import org.apache.xbean.asm9.ClassReader;
import org.apache.xbean.asm9.ClassVisitor;
import org.apache.xbean.asm9.ClassWriter;
import org.apache.xbean.asm9.MethodVisitor;
import org.apache.xbean.asm9.Opcodes;

/**
 * A Java agent that has Spark's servers listen on loopback where they are told no address. The writers of real-time
 * mode's shuffle ask for such a server, and no setting of Spark 4.3 gives it an address: it would listen on every
 * interface, without a password.
 */
public final class LoopbackServers implements ClassFileTransformer {
    private static final String SERVER = "org/apache/spark/network/server/TransportServer";

    public static void premain(String arguments, Instrumentation instrumentation) {
        instrumentation.addTransformer(new LoopbackServers());
    }

    /** Called by the changed class, with the address that it was told. */
    public static String address(String told) {
        return told == null ? "127.0.0.1" : told;
    }

    @Override
    public byte[] transform(
            ClassLoader loader, String name, Class<?> redefined, ProtectionDomain domain, byte[] content) {
        if (!SERVER.equals(name)) {
            return null;
        }
        try {
            return changed(content);
        } catch (Throwable failure) {
            // Java would go on with the class as it was.
            failure.printStackTrace();
            Runtime.getRuntime().halt(70);
            return null;
        }
    }

    private static byte[] changed(byte[] content) {
        ClassReader reader = new ClassReader(content);
        ClassWriter writer = new ClassWriter(reader, ClassWriter.COMPUTE_MAXS);
        boolean[] found = {false};
        reader.accept(new ClassVisitor(Opcodes.ASM9, writer) {
            @Override
            public MethodVisitor visitMethod(int access, String name, String form, String signature, String[] raised) {
                MethodVisitor method = super.visitMethod(access, name, form, signature, raised);
                if (!name.equals("init") || !form.equals("(Ljava/lang/String;I)V")) {
                    return method;
                }
                found[0] = true;
                return new MethodVisitor(Opcodes.ASM9, method) {
                    @Override
                    public void visitCode() {
                        super.visitCode();
                        visitVarInsn(Opcodes.ALOAD, 1);
                        visitMethodInsn(Opcodes.INVOKESTATIC, "LoopbackServers", "address",
                                "(Ljava/lang/String;)Ljava/lang/String;", false);
                        visitVarInsn(Opcodes.ASTORE, 1);
                    }
                };
            }
        }, 0);
        if (!found[0]) {
            throw new IllegalStateException("this Spark has no TransportServer.init(String, int)");
        }
        return writer.toByteArray();
    }
}
